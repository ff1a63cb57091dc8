"""What the tests of launchers have in common."""

from __future__ import annotations

import subprocess
import sys

import pytest

from launcher.clusters import STUDY, curves


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory):
    """The curves of the study, carried out in one go on this machine."""
    folder = tmp_path_factory.mktemp("undisturbed")
    command = [sys.executable, "-m", "lengen", "train", "-m", *STUDY]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    found = curves(folder)
    assert len(found) == 3
    return found
