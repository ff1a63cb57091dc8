"""Standard output that is full, or that knows only ASCII; and no folder of Hydra's beside the results."""

from __future__ import annotations

import errno
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


@pytest.mark.long
def test_a_multirun_leaves_no_folder_of_hydra(lengen, tmp_path):
    assert lengen("train", "-m", "task=copy", "seed=0,1", *TINY).code == 0
    assert {path.name for path in (tmp_path / "results" / "runs").iterdir()} == {"copy"}
    ran = lengen("eval", "-m", "run=results/runs", "decode=greedy,teacher")
    assert ran.code == 0, ran.err
    ran = lengen("compare", "-m", "threshold=0.8,0.9", "out=results/${threshold}")
    assert ran.code == 0, ran.err
    assert {path.name for path in (tmp_path / "results").iterdir()} == {"runs", "studies", "0.8", "0.9"}
    assert {path.name for path in (tmp_path / "results" / "runs").iterdir()} == {"copy"}


def test_a_study_of_finished_runs_is_shown_where_nothing_can_be_written(lengen, tmp_path, monkeypatch):
    study = ("-m", "task=copy", "seed=0,1", *TINY)
    assert lengen("train", *study).code == 0
    make = Path.mkdir

    def refuse(self, *arguments, **options):
        if self.is_relative_to("results") or self.is_relative_to(tmp_path / "results"):
            raise OSError(errno.EROFS, "Read-only file system", str(self))
        make(self, *arguments, **options)

    monkeypatch.setattr(Path, "mkdir", refuse)
    monkeypatch.setattr(os, "access", lambda path, mode, **_: not Path(path).is_relative_to(tmp_path))
    ran = lengen("train", *study)
    assert ran.code == 0, ran.err
    assert ran.out.count("finished already") == 2


@pytest.mark.whole_run
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize(
    ("line", "code"), [('"$@" > /dev/full', 1), ('"$@" | true; exit ${PIPESTATUS[0]}', 0)]
)
def test_a_command_does_its_work_whatever_becomes_of_its_output(tmp_path, line, code):
    program = """
import sys
from pathlib import Path
from lengen.cli import main

def work(_):
    for _ in range(3):
        print("x" * 100_000, flush=True)
    Path("done").touch()
    return 0

main.run = work
sys.exit(main.main())
"""
    command = ["bash", "-c", line, "lengen", sys.executable, "-c", program]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (ran.returncode, ran.stderr.count("\n")) == (code, code), ran.stderr
    assert (tmp_path / "done").exists()
