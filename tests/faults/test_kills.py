"""SIGKILL at random moments of everything that writes; the same command again, and the results are those of an undisturbed study."""

from __future__ import annotations

import random
import shutil
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from faults.commands import Commands
from faults.moments import OF_TRAINING, claims, phases
from faults.study import COMPARE, EVAL, EXPORT, STUDY, differences, finished, parts, tables

pytestmark = pytest.mark.faults

KILLS, OF_STUDY = 50, 28


def test_fifty_kills_change_nothing(commands: Commands, undisturbed: Path, chance: random.Random, count):
    killer = Killer(commands, chance)
    killer.train()
    killer.evaluate()
    killer.compare()
    killer.export()
    root = commands.folder
    assert differences(tables(root), tables(undisturbed)) == []
    assert killer.repeated == []
    assert all(killer.hits[phase] >= 3 for phase in (*OF_TRAINING[1:], "eval", "compare", "export")), (
        killer.hits
    )
    assert killer.hits.total() >= KILLS
    for phase, number in killer.hits.items():
        count(f"kills in {phase}", number)
    assert [name for name in parts(root) if name.startswith("results/runs")] == []
    count("temporary files of killed comparisons and exports", len(parts(root)))
    count("files compared with those of an undisturbed study", len(tables(root)))


class Killer:
    """Kills commands.

    Args:
        commands: run in the folder of the study.
        chance: chooses the moments.
    """

    def __init__(self, commands: Commands, chance: random.Random) -> None:
        self.commands, self.root, self.chance = commands, commands.folder, chance
        self.hits, self.repeated = Counter[str](), list[str]()
        self._finished: dict[str, tuple[int, int]] = {}

    def train(self) -> None:
        """Kill the study, each time in the phase that was hit least; then let it end."""
        for number in range(OF_STUDY):
            wanted = min(OF_TRAINING, key=lambda phase: (self.hits[phase], self.chance.random()))
            options = {"jobs": 2 if number % 6 == 5 else 1, "fresh": number % 12 == 0}
            if not self.attempt(STUDY, wanted, self.chance.choice((0, 0.1)), **options):
                break
        self.commands.run(*STUDY, "jobs=2").check()
        self.unchanged()

    def evaluate(self) -> None:
        """Kill the evaluation."""
        for number in range(8):
            self.attempt(EVAL, "eval", 1.0, jobs=2 if number == 4 else 1)
        self.commands.run(*EVAL, "jobs=1").check()

    def compare(self) -> None:
        """Kill the comparison."""
        for number in range(8):
            self.attempt(COMPARE, "compare", 0.8)
            if number < 7:
                shutil.rmtree(self.root / "results/compare", ignore_errors=True)
        self.commands.run(*COMPARE).check()

    def export(self) -> None:
        """Kill the export, until there were enough kills."""
        while self.hits["export"] < 8 or self.hits.total() < KILLS:
            self.attempt(EXPORT, "export", 0.05)
            shutil.rmtree(self.root / "data", ignore_errors=True)  # of an export that was faster
        self.commands.run(*EXPORT).check()

    def attempt(
        self, words: Sequence[str], wanted: str, within: float, *, jobs: int = 0, fresh: bool = False
    ) -> bool:
        """Start a command and kill it; return False if it ended by itself.

        Args:
            words: the command.
            wanted: what it is at when it is killed: at most `within` seconds after that has begun.
            within: seconds.
            jobs: runs at a time; 0 for commands that have no such option.
            fresh: in a Python of its own.
        """
        gone = {*claims(self.root).values(), *parts(self.root)}
        running = self.commands.start(*words, *([f"jobs={jobs}"] if jobs else []), fresh=fresh)
        if wanted == "start":
            within = 0.5
        elif wanted == "export":
            running.until(lambda: {path.name for path in self.root.glob(".data.*.part")} - gone)
        else:
            running.until(lambda: wanted in phases(self.root, gone))
        time.sleep(self.chance.uniform(0, within))
        killed = running.kill() < 0
        if killed:
            at = phases(self.root, gone) or ["start"]
            self.hits[wanted if wanted in ("compare", "export") else at[0]] += 1
            assert "Traceback" not in running.err, running.err
        else:
            running.check()
        self.unchanged()
        return killed

    def unchanged(self) -> None:
        """Note the files of runs that were finished before and have been written since."""
        now = finished(self.root)
        self.repeated += [name for name, stat in self._finished.items() if now[name] != stat]
        self._finished = now
