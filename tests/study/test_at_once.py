"""Several commands at one study, and commands that are killed: every run is trained once, and the study is finished."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from conftest import TINY, read_rows
from lengen.records.run_dir import RunFolder
from lengen.studies.plan_file import read_plan
from lengen.studies.progress import Progress

pytestmark = [pytest.mark.long, pytest.mark.whole_run]
COUNTING = """
import os, sys
from pathlib import Path
from lengen.cli.main import main
from lengen.experiment import run

train = run.Experiment.train

def counted(self, *arguments):
    with open("trained", "a") as file:
        file.write(f"{self.folder.path} {os.getpid()}\\n")
    return train(self, *arguments)

run.Experiment.train = counted
sys.argv[0] = "lengen"
sys.exit(main())
"""
"""lengen, with a line for every training that starts."""
UNTIMED = ("length", "correct", "exact_match", "token_accuracy", "loss")


def start(folder: Path, *words: str, script: str = COUNTING) -> subprocess.Popen[str]:
    """Start a command in a folder, with its processes in a group of their own."""
    return subprocess.Popen(
        [sys.executable, "-c", script, *words],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def ended(process: subprocess.Popen[str]) -> int:
    """The exit code of a command."""
    process.communicate(timeout=600)
    return process.returncode


def progress(folder: Path, name: str) -> Progress:
    """How far a study is."""
    path = folder / "results" / "studies" / f"{name}.yaml"
    return Progress.of(path, read_plan(path))


def curves(folder: Path) -> dict[str, list[tuple[str, ...]]]:
    """The curves of all runs, without what differs from one run to the next."""
    return {
        str(path.parent.relative_to(folder)): [
            tuple(row[name] for name in UNTIMED) for row in read_rows(path)
        ]
        for path in folder.glob("results/runs/*/*/*/seed=*/curve.csv")
    }


def test_eight_commands_at_one_study_train_every_run_once(tmp_path):
    words = ("-m", "task=copy", "pe=nope,rope", "seed=range(8)", "study=first", "jobs=1", *TINY)
    commands = [start(tmp_path, "train", *words) for _ in range(8)]
    outputs = [command.communicate(timeout=900)[0] for command in commands]
    assert [command.returncode for command in commands] == [0] * 8, outputs
    trained = (tmp_path / "trained").read_text().splitlines()
    assert len(trained) == len({line.split()[0] for line in trained}) == 16, trained
    assert len({line.split()[1] for line in trained}) > 1  # not one process alone
    for output in outputs:
        assert "16 of 16 jobs finished" in output
        assert "failed" not in output
    assert progress(tmp_path, "first").finished
    assert not list(tmp_path.rglob("*.claim"))


def test_a_run_that_another_command_fails_at_is_tried_here(tmp_path):
    """The other one is stopped while it has a run; this one waits, takes it over and finishes."""
    words = ("-m", "task=copy", "seed=0,1", "study=first", "jobs=1", *TINY)
    first = start(tmp_path, "train", *words)
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob("results/runs/copy/nope/*/seed=0/run.json")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    first.send_signal(signal.SIGSTOP)
    second = start(tmp_path, "train", "study=first", "jobs=1")
    lines = iter(second.stdout.readline, "")
    assert any("waiting for 1 run of process" in line for line in lines)
    assert [each.state for each in progress(tmp_path, "first").states] == ["running", "not trained"]
    first.kill()
    first.communicate()
    rest = second.communicate(timeout=300)[0]
    assert second.returncode == 0, rest
    assert "2 of 2 jobs finished" in rest
    assert progress(tmp_path, "first").finished


def test_ctrl_c_while_waiting_leaves_the_run_to_the_other(tmp_path):
    words = ("train", "-m", "task=copy", "seed=0,1", "study=first", "jobs=1", *TINY)
    assert ended(start(tmp_path, *words)) == 0
    (folder,) = tmp_path.glob("results/runs/copy/nope/*/seed=1")
    (folder / "run.json").unlink()
    with RunFolder(folder).locked():
        second = start(tmp_path, "train", "study=first", "jobs=1")
        assert any("waiting for 1 run of process" in line for line in iter(second.stdout.readline, ""))
        second.send_signal(signal.SIGINT)
        rest = second.communicate(timeout=60)[0]
    assert second.returncode == 130, rest
    assert "Traceback" not in rest
    assert not (folder / "run.json").exists()


@pytest.mark.parametrize("victims", ["command", "worker", "all"])
def test_what_is_killed_is_finished_without_repeating_a_finished_run(tmp_path, victims):
    """The command, one of its workers, or all of them, at a random moment, four times; then the study is finished."""
    words = ("-m", "task=copy", "pe=nope,rope", "seed=range(3)", *TINY)
    (tmp_path / "calm").mkdir()
    assert ended(start(tmp_path / "calm", "train", *words, "jobs=1")) == 0
    folder = tmp_path / "killed"
    folder.mkdir()
    chance, finished = random.Random(victims), dict[Path, int]()
    for attempt in range(4):
        command = (
            ("train", "study=first", "jobs=2") if attempt else ("train", *words, "study=first", "jobs=2")
        )
        process = start(folder, *command, script=COUNTING)
        time.sleep(chance.uniform(4, 14))
        kill(process, victims)
        process.communicate(timeout=300)
        for path, stamp in finished.items():
            assert path.stat().st_mtime_ns == stamp, path  # no finished run has been touched
        if (folder / "results/studies/first.yaml").exists():
            finished |= {
                path / "run.json": (path / "run.json").stat().st_mtime_ns
                for path in progress(folder, "first").finished_folders
            }
    last = start(folder, "train", *words, "study=first", "jobs=2")
    output = last.communicate(timeout=600)[0]
    assert last.returncode == 0, output
    assert progress(folder, "first").finished
    assert curves(folder) == curves(tmp_path / "calm")
    for path, stamp in finished.items():
        assert path.stat().st_mtime_ns == stamp, path


def kill(process: subprocess.Popen[str], victims: str) -> None:
    """Kill a command, one of the processes below it, or all."""
    try:
        below = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:  # it has ended already
        return
    workers = [each for each in below if each.is_running()]
    chosen = {"command": [], "worker": workers[-1:], "all": workers}[victims]
    for each in chosen:
        each.kill()
    if victims != "worker":
        process.kill()
