"""One small study, trained once, its runs logged offline."""

import sys
from pathlib import Path

import pytest

from conftest import TINY, without_settings


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A folder with four runs of two cells that W&B has seen; no credentials, no settings of the user's."""
    import wandb

    from lengen.cli.main import main

    top = tmp_path_factory.mktemp("board")
    words = [
        "task=copy",
        "pe=nope,rope",
        "seed=0,1",
        "logger=wandb",
        *TINY,
        "steps=5",
        "trainer.probe_every=5",
    ]
    with pytest.MonkeyPatch.context() as patch:
        without_settings(patch)
        patch.setenv("HOME", str(top / "home"))
        patch.setenv("NETRC", str(top / "netrc"))
        patch.setenv("WANDB_MODE", "offline")
        patch.chdir(top)
        patch.setattr(sys, "path", list(sys.path))
        patch.setattr(sys, "argv", ["lengen", "train", "-m", *words])
        wandb.teardown()
        assert main() == 0
        wandb.teardown()
    return top


def logged(folder: Path) -> Path:
    """What W&B wrote of the only run in a folder."""
    (path,) = folder.glob("wandb/*/*.wandb")
    return path
