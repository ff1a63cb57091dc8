"""How far a study is, as lines: counts, lists, and the time that is left."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import fmean

from lengen.config.limits import duration
from lengen.studies.places import RESULTS, studies_folder
from lengen.studies.plan import PlannedRun, StudyPlan
from lengen.studies.plan_file import runs_folder
from lengen.studies.run_state import FINISHED, OVER, STATES, Queue, RunState, State, no_queue, run_states

LISTED = 20
"""Runs of a state that are listed, unless all are."""
COLUMNS = ("study", "runs", *STATES, "left")
"""Of the table of studies."""


@dataclass(frozen=True)
class Progress:
    """How far a study is.

    Args:
        name: of the study.
        plan: its runs.
        states: of these.
        results_dir: the folder of the runs.
    """

    name: str
    plan: StudyPlan
    states: Sequence[RunState]
    results_dir: Path

    @classmethod
    def of(cls, path: Path, plan: StudyPlan, queue: Queue = no_queue) -> Progress:
        """Look at the run folders of a study.

        Args:
            path: its file.
            plan: what the file holds.
            queue: says which runs wait in a queue.
        """
        folder = runs_folder(path, plan)
        return cls(path.stem, plan, run_states(plan.runs, folder, queue), folder)

    @cached_property
    def counts(self) -> Mapping[State, int]:
        """Number of runs by state."""
        found = Counter(each.state for each in self.states)
        return {state: found[state] for state in STATES if found[state]}

    @property
    def finished(self) -> bool:
        """Whether every run has its curve."""
        return all(each.state in FINISHED for each in self.states)

    @property
    def finished_folders(self) -> list[Path]:
        """Folders of the runs that have their curve."""
        return [each.folder for each in self.states if each.folder and each.state in FINISHED]

    @property
    def left(self) -> list[int]:
        """Places of the runs that are not over."""
        return [place for place, each in enumerate(self.states) if each.state not in OVER]

    @property
    def able(self) -> list[int]:
        """Places of the runs that are not over, and were not refused when they were tried."""
        return [place for place in self.left if self.states[place].state != "refused"]

    @property
    def seconds_left(self) -> float | None:
        """Time until all runs are over that were not refused, if as many go on at a time as run now, at least one; None if no run is over, or none is left."""
        taken = [each.seconds for each in self.states if each.seconds]
        if not taken or not self.able:
            return None
        runs = sum(1 - self.states[place].share for place in self.able)
        return fmean(taken) * runs / max(1, self.counts.get("running", 0))

    def summary(self) -> str:
        """The counts on one line."""
        counts = ", ".join(f"{count} {state}" for state, count in self.counts.items())
        return f"{self.name}: {len(self.states)} run{'s' * (len(self.states) != 1)}: {counts or 'none'}"

    def lines(self, *, everything: bool = False) -> Iterator[str]:
        """The counts, the runs by state, and the time left.

        Args:
            everything: list all runs, those that are done, too.
        """
        yield self.summary()
        for state in self.counts:
            if state != "done" or everything:
                yield from self._list(state, everything=everything)
        if self.able:
            if (seconds := self.seconds_left) is not None:
                at_a_time = max(1, self.counts.get("running", 0))
                yield f"about {duration(seconds)} left, {at_a_time} at a time"
            where = f" {shlex.quote(f'results_dir={self.results_dir}')}" * (self.results_dir != Path(RESULTS))
            yield f"lengen train study={self.name}{where}   carries out what is left"
        if refused := self.counts.get("refused"):
            file = studies_folder(str(self.results_dir)) / f"{self.name}.yaml"
            yield f"refused runs are impossible as they are written: correct or remove {'it' if refused == 1 else 'them'} in {file}, or leave {'it' if refused == 1 else 'them'}"

    def _list(self, state: State, *, everything: bool) -> Iterator[str]:
        """The runs of one state."""
        runs = [each for each in self.states if each.state == state]
        shown = runs if everything else runs[:LISTED]
        yield f"  {state}"
        for each in shown:
            yield f"    {label(each.run)}{f': {each.text}' if each.text else ''}"
        if len(shown) < len(runs):
            yield f"    and {len(runs) - len(shown)} more (all=true lists them)"

    def row(self) -> list[str]:
        """Its row in a table of studies, by `COLUMNS`."""
        seconds = self.seconds_left
        counts = [str(self.counts.get(state, "")) for state in STATES]
        return [self.name, str(len(self.states)), *counts, duration(seconds) if seconds is not None else ""]


def label(run: PlannedRun) -> str:
    """Name a run by the options in which it differs from the others of its grid."""
    return shlex.join(run.options) or f"{run.task} {run.pe} {run.seed}"


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Align the columns of rows; columns in which nothing stands, but for the first row, are left out."""
    kept = [column for column in zip(*rows, strict=True) if any(column[1:])]
    widths = [max(map(len, column)) for column in kept]
    return [
        "  ".join(f"{text:<{width}}" for text, width in zip(row, widths, strict=True)).rstrip()
        for row in zip(*kept, strict=True)
    ]
