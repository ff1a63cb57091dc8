"""Loggers without a network."""

import os
import sys
from pathlib import Path

import pytest

from conftest import without_settings
from logger.test_wandb import made


@pytest.fixture(scope="module", autouse=True)
def _alone(tmp_path_factory):
    """No credentials, no settings of the user's, no terminal."""
    import wandb

    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        without_settings(patch)
        for name in ("WANDB_CONFIG_DIR", "WANDB_CACHE_DIR", "WANDB_DATA_DIR", "HOME"):
            patch.setenv(name, str(home))
        patch.setenv("NETRC", str(home / "netrc"))
        wandb.teardown()
        with Path(os.devnull).open() as nothing:
            patch.setattr(sys, "stdin", nothing)
            yield
        wandb.teardown()


@pytest.fixture
def facts(tmp_path):
    return made(tmp_path / "seed=3")
