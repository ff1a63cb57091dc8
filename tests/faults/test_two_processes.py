"""Several processes at one run, and at one study: every run is trained once."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from faults.commands import Commands
from faults.study import TINY, differences, of_some, tables

pytestmark = pytest.mark.faults

PROCESSES, SEEDS = 8, 8
STUDY = ("train", "-m", "pe=nope,rope", f"seed=range({SEEDS})", *TINY, "jobs=1")
TRAINED = re.compile(r"pe=(\w+) seed=(\d+): ID exact match")


@pytest.mark.parametrize("seed", range(4))
def test_of_processes_at_one_run_one_trains(commands: Commands, undisturbed: Path, seed: int, count):
    started = [commands.start("train", "pe=nope", f"seed={seed}", *TINY) for _ in range(4)]
    codes = [running.wait() for running in started]
    assert set(codes) <= {0, 2}
    trained = [running for running in started if running.code == 0 and "already" not in running.out]
    assert len(trained) == 1
    for running in started:
        assert "Traceback" not in running.err, running.err
        assert running.code == 0 or "another process is working on this run" in running.err, running.err
    count("processes at one run", len(started))
    found, expected = tables(commands.folder), of_some(tables(undisturbed), f"seed={seed}")
    expected = {name: value for name, value in expected.items() if "/nope/" in name and "/eval/" not in name}
    assert differences(found, expected) == []


def test_processes_at_one_study_train_every_run_once(commands: Commands, undisturbed: Path, count):
    """They start at one moment; each waits at the end for the runs at which others are."""
    started = [commands.start(*STUDY) for _ in range(PROCESSES)]
    for running in started:
        running.wait(600)
        running.check()
    trained = Counter(found.groups() for running in started for found in TRAINED.finditer(running.out))
    assert trained == {(pe, str(seed)): 1 for pe in ("nope", "rope") for seed in range(SEEDS)}
    count("processes at one study", PROCESSES)
    count("runs of a study of several processes", len(trained))
    found = tables(commands.folder / "results/runs")
    expected = of_some(tables(undisturbed / "results/runs"), *(f"seed={seed}" for seed in range(SEEDS)))
    expected = {name: value for name, value in expected.items() if "/eval/" not in name}
    assert differences(found, expected) == []
