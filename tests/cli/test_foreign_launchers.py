"""Launchers of Hydra's own: every job has a result, whatever becomes of its process, and the command says so."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import ClassVar

import cloudpickle
import pytest
from hydra._internal.core_plugins.basic_launcher import BasicLauncher
from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins

from conftest import TINY, run_folders
from lengen.cli import foreign_jobs
from lengen.cli.foreign_jobs import JobFiles

DEADLY = '''
import os, signal
from dataclasses import dataclass

from lengen.task.copy import Copy


@dataclass(frozen=True)
class Deadly(Copy):
    """Copy, but for what becomes of its process."""

    dies: bool = False
    fails: bool = False

    def sample(self, length, count, generator):
        if self.dies:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.fails:
            raise KeyError("a bug")
        return super().sample(length, count, generator)
'''


class Fragile(BasicLauncher):
    """Carries out jobs here, and gives up after the second."""

    calls: ClassVar[list[int]] = []
    task: bytes = b""

    def launch(self, job_overrides, initial_job_idx):
        self.calls.append(len(job_overrides))
        type(self).task = cloudpickle.dumps(self.task_function)
        super().launch(job_overrides[:2], initial_job_idx)
        raise OSError("a process of the launcher has died")


class Absent(BasicLauncher):
    """Starts nothing."""

    def launch(self, job_overrides, initial_job_idx):
        raise ValueError("no such cluster")


@pytest.fixture
def _launchers(monkeypatch):
    monkeypatch.setattr(foreign_jobs, "GRACE", 0.1)
    monkeypatch.setitem(sys.modules, "hydra_plugins.tried", sys.modules[__name__])
    for kind in (Fragile, Absent):
        monkeypatch.setattr(kind, "__module__", "hydra_plugins.tried")
        Plugins.instance().register(kind)
        ConfigStore.instance().store(
            "fragile" if kind is Fragile else "absent",
            {"_target_": f"hydra_plugins.tried.{kind.__name__}"},
            group="hydra/launcher",
        )


@pytest.mark.usefixtures("_launchers")
def test_a_launcher_that_gives_up_loses_no_job(lengen, tmp_path):
    Fragile.calls.clear()
    ran = lengen("train", "-m", "hydra/launcher=fragile", "task=copy", *TINY, "seed=0,1,2,3,4")
    assert ran.code == 0
    assert Fragile.calls == [5, 3, 1]
    assert "5 of 5 jobs finished" in ran.out
    for seed in range(5):
        assert f"lengen: seed={seed}: ID exact match" in ran.out
    assert not [*tmp_path.rglob("jobs-*")]
    assert len(Fragile.task) < 5000


@pytest.mark.usefixtures("_launchers")
def test_what_is_left_of_a_study_is_carried_out_by_a_launcher_of_hydra(lengen, tmp_path):
    def stopped(*_):
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("lengen.cli.commands.train.train_job", stopped)
        assert lengen("train", "-m", "study=first", "task=copy", *TINY, "seed=0,1").code == 130
    assert not run_folders(tmp_path)
    Fragile.calls.clear()
    ran = lengen("train", "study=first", "hydra/launcher=fragile")
    assert (ran.code, Fragile.calls) == (0, [2])
    assert "lengen: study first: 2 runs: 2 missing\n" in ran.out
    assert "lengen: 2 of 2 jobs finished\n" in ran.out
    assert len(run_folders(tmp_path)) == 2


@pytest.mark.usefixtures("_launchers")
def test_a_dry_run_needs_no_launcher_of_hydra(lengen):
    ran = lengen("train", "-m", "hydra/launcher=absent", "task=copy", *TINY, "seed=0,1", "dry=true")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.count("lengen: dry run; nothing is written") == 2
    assert "lengen: dry run: 2 runs, 2 of them to be trained, " in ran.out
    assert "jobs on this machine" not in ran.out


@pytest.mark.usefixtures("_launchers")
@pytest.mark.parametrize("launcher", [(), ("hydra/launcher=absent",)])
def test_a_dry_run_of_refused_jobs_ends_as_its_study_would(lengen, launcher):
    ran = lengen("train", "-m", *launcher, "task=copy", *TINY, "decoder.heads=3,5", "dry=true")
    assert ran.code == 2
    assert ran.err.count("must be a multiple of decoder.heads=") == 2


@pytest.mark.usefixtures("_launchers")
def test_a_launcher_that_starts_nothing_gives_its_reason(lengen, tmp_path):
    ran = lengen("train", "-m", "hydra/launcher=absent", "task=copy", *TINY, "seed=0,1")
    assert ran.code == 1
    assert "0 of 2 jobs finished" in ran.out
    assert ran.err.count(": was not started (ValueError: no such cluster)\n") == 2
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_process_that_is_gone_is_told_from_one_that_runs(tmp_path):
    files = JobFiles(tmp_path)
    sleeper = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    files.write(0, {"pid": sleeper.pid, "host": foreign_jobs.platform.node()})
    files.write(1, {"pid": sleeper.pid, "host": "elsewhere"})
    (tmp_path / "2.json").write_text('{"pid": 1, "ho')  # torn
    assert files.running(range(4)) == [sleeper.pid]
    sleeper.kill()
    deadline = time.monotonic() + 10
    while files.running(range(4)):  # a dead child that nobody has waited for does not run
        assert time.monotonic() < deadline
    sleeper.communicate()
    lines = [files.result(number, "it gave up").line for number in range(3)]
    assert "was killed" in lines[0]
    assert lines[1] == f"no result yet of process {sleeper.pid} on elsewhere (it gave up)"
    assert lines[2] == "was not started (it gave up)"


@pytest.mark.long
@pytest.mark.parametrize(
    "launcher", [("joblib", "hydra.launcher.n_jobs=2"), ("submitit_local", "hydra.launcher.timeout_min=5")]
)
def test_killed_refused_and_failed_jobs_are_named_and_the_others_run(tmp_path, launcher):
    name, option = launcher
    pytest.importorskip(f"hydra_plugins.hydra_{name.partition('_')[0]}_launcher")
    (tmp_path / "mine" / "task").mkdir(parents=True)
    (tmp_path / "mine" / "deadly.py").write_text(DEADLY)
    (tmp_path / "mine" / "task" / "deadly.yaml").write_text("_target_: deadly.Deadly\n")
    words = ["-m", "--config-dir", "mine", "task=deadly", f"hydra/launcher={name}", option, *TINY]
    choices = ["+task.dies=true,false", "+task.fails=false,true", "batch_size=8,0"]
    ran = subprocess.run(
        [sys.executable, "-m", "lengen", "train", *words, *choices],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=400,
    )
    assert ran.returncode == 1, ran.stderr
    assert "1 of 8 jobs finished" in ran.stdout
    failed = [line for line in ran.stderr.splitlines() if line.startswith("  failed: ")]
    assert Counter(line.rpartition(": ")[2] for line in failed) == {
        "its process was killed (out of memory?); the same command goes on with it": 2,
        "'a bug'": 1,
    }
    assert len([line for line in ran.stderr.splitlines() if line.startswith("  refused: ")]) == 4
    assert ran.stderr.count("batch_size=0: must be at least 1") == 4
    finished = [folder for folder in run_folders(tmp_path) if (folder / "curve.csv").exists()]
    assert len(finished) == 1
    assert not list(Path(tmp_path / "results" / "runs" / "multirun").rglob("jobs-*"))
