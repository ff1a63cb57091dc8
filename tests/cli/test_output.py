"""Standard output that is full, or that knows only ASCII; and no folder of Hydra's beside the results."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import TINY


@pytest.mark.whole_run
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize(
    "words", [["list", "pe"], ["--help"], pytest.param(["data", "task=copy"], marks=pytest.mark.long)]
)
def test_a_full_standard_output_is_said_on_one_line(words):
    with Path("/dev/full").open("w") as full:
        ran = subprocess.run(
            [sys.executable, "-m", "lengen", *words], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert (ran.returncode, ran.stderr) == (1, "lengen: standard output: No space left on device\n")


@pytest.mark.whole_run
@pytest.mark.parametrize(
    "words", [["list"], pytest.param(["data", "task=copy", "count=2"], marks=pytest.mark.long)]
)
@pytest.mark.parametrize(
    "settings",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"LC_ALL": "C"},
    ],
)
def test_output_is_written_in_the_characters_that_there_are(words, settings):
    command = [sys.executable, "-m", "lengen", *words]
    ran = subprocess.run(command, capture_output=True, env={**os.environ, **settings})
    assert (ran.returncode, ran.stderr) == (0, b"")
    text = ran.stdout.decode()
    assert text.isascii() or settings == {"LC_ALL": "C"}


def test_a_multirun_leaves_no_folder_of_hydra(lengen, tmp_path):
    assert lengen("train", "-m", "task=copy", "seed=0,1", *TINY).code == 0
    assert {path.name for path in (tmp_path / "results" / "runs").iterdir()} == {"copy"}
    ran = lengen("eval", "-m", "run=results/runs", "decode=greedy,teacher")
    assert ran.code == 0, ran.err
    ran = lengen("compare", "-m", "threshold=0.8,0.9", "out=results/${threshold}")
    assert ran.code == 0, ran.err
    assert {path.name for path in (tmp_path / "results").iterdir()} == {"runs", "0.8", "0.9"}
    assert {path.name for path in (tmp_path / "results" / "runs").iterdir()} == {"copy"}
