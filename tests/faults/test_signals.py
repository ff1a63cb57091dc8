"""Ctrl-C, SIGTERM and SIGHUP, once and twice, at random moments: the exit codes of shells, and nothing is lost or left running."""

from __future__ import annotations

import random
import shutil
import signal
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from faults.commands import Commands, wait_for
from faults.moments import claims, phases
from faults.study import COMPARE, EVAL, TINY, differences, of_some, status, tables

pytestmark = pytest.mark.faults

NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
ONE = ("train", "pe=nope", "seed=0", *TINY)
SOME = ("train", "-m", "pe=nope,rope", "seed=0,1", *TINY)


@pytest.mark.parametrize("twice", [False, True], ids=["once", "twice"])
@pytest.mark.parametrize("number", NUMBERS)
def test_a_signal_in_a_command_loses_nothing(
    commands: Commands,
    undisturbed: Path,
    chance: random.Random,
    number: signal.Signals,
    *,
    twice: bool,
    count,
):
    root = commands.folder
    moments = ["training", "checkpoint", "sweep", "report"]
    aims = [(ONE, moment) for moment in moments]
    aims += [((*SOME, "jobs=2"), chance.choice(moments)), ((*SOME, "jobs=1"), chance.choice(moments))]
    aims += [((*EVAL, "jobs=1"), "eval"), ((*EVAL, "jobs=2"), "eval"), (COMPARE, "compare")]
    for words, moment in aims:
        code = stopped(commands, words, moment, number, chance, twice=twice)
        if code is not None:
            count(f"{number.name} {'twice' if twice else 'once'}")
            assert code == 128 + number, (words, moment, code, commands.running[-1].err)
        for claim in root.rglob(".*.claim"):
            assert twice, claim
            claim.unlink()
        statuses = {status(run.parent) for run in root.glob("results/runs/majority/*/*/seed=*/run.json")}
        assert statuses <= ({"interrupted", "finished", "running"} if twice else {"interrupted", "finished"})
        if words is COMPARE:
            shutil.rmtree(root / "results/compare", ignore_errors=True)
    for words in ((*SOME, "jobs=1"), (*EVAL, "jobs=1")):
        commands.run(*words).check()
    expected = of_some(tables(undisturbed), "seed=0", "seed=1")
    found = of_some(tables(root), "seed=0", "seed=1")
    assert differences(found, expected) == []


def stopped(
    commands: Commands,
    words: Sequence[str],
    moment: str,
    number: signal.Signals,
    chance: random.Random,
    *,
    twice: bool,
) -> int | None:
    """Stop a command by a signal at a moment; its exit code, None if it ended before."""
    gone = claims(commands.folder).values()
    running = commands.start(*words)
    running.until(lambda: moment in phases(commands.folder, gone))
    time.sleep(chance.uniform(0, 0.1))
    if running.ended:
        return None
    running.signal(number)
    if twice:
        time.sleep(chance.uniform(0, 0.1))
        running.signal(number)
    code = running.wait(60)
    wait_for(lambda: not running.left, 30, f"{running.words}: processes are left")
    assert "Traceback" not in running.out + running.err, running.out + running.err
    return code if code >= 0 else 128 - code
