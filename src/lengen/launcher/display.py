"""What is shown of a study: a line for every running job, and for every job that has ended."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from multiprocessing.queues import SimpleQueue
from statistics import fmean
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, Task, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from lengen.config.limits import duration
from lengen.launcher.job import JobResult
from lengen.training.progress import Report, in_notebook

SAID = "lengen: "
"""How lines begin that a command says itself, and which are not the output of a progress bar or of another library."""
REPEATED = 1.0
"""Seconds of a job that found its run finished already: it says nothing of how long the others take."""


class TimeLeft(TimeRemainingColumn):
    """Time left of a job by its speed; of all jobs until the time that is given as `until`."""

    def render(self, task: Task) -> Text:
        """See `TimeRemainingColumn`."""
        if (until := task.fields.get("until")) is None:
            return super().render(task)
        return Text(str(timedelta(seconds=max(0, int(until - time.monotonic())))), style="progress.remaining")


class Display:
    """The running jobs of a study in a terminal; elsewhere, lines for those that have ended.

    Args:
        labels: of the jobs.
        queue: from which the state of running jobs is read; None where they run in this process (`reporter`).
        shown: False shows nothing.
    """

    def __init__(
        self, labels: Sequence[str], queue: SimpleQueue[tuple[int, Mapping[str, Any]]] | None, *, shown: bool
    ) -> None:
        self.labels, self._queue, self.shown = labels, queue, shown
        self.done = self.failed = self.ended = 0
        self.console = Console()
        self.progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(20),
            TextColumn("{task.fields[text]}", markup=False),
            TimeLeft(),
            console=self.console,
            disable=not (shown and self.console.is_terminal),
            transient=True,
            refresh_per_second=4,
        )
        self._all = self.progress.add_task(self._count, total=len(labels), text="")
        self._lines = dict[int, TaskID]()
        self._said = set[str]()
        self._begun, self._took = dict[int, float](), list[float]()
        self._reader = threading.Thread(target=self._read, daemon=True, name="lengen-display")

    def __enter__(self) -> Display:  # noqa: PYI034
        self.progress.start()
        if self._queue:
            self._reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._queue:
            self._queue.put((-1, {}))  # ends the reader
            self._reader.join()
        self.progress.stop()

    @property
    def _count(self) -> str:
        left = len(self.labels) - self.ended
        return f"{self.done} done, {self.failed} failed, {left} left"

    def begin(self, slot: int, index: int) -> None:
        """A job has started."""
        self._lines[slot] = self.progress.add_task(self.labels[index], total=None, text="")
        self._begun[slot] = time.monotonic()

    def reporter(self, slot: int) -> Report | None:
        """What a job in this process tells how far it is; None in a notebook, where it shows that itself."""
        return None if in_notebook() else lambda state: self._note(slot, state)

    def _note(self, slot: int, state: Mapping[str, Any]) -> None:
        if (line := self._lines.get(slot)) is not None:
            self.progress.update(line, **state)

    def end(self, slot: int, index: int, result: JobResult) -> None:
        """A job has ended: print a line, what it has said, and all that it printed if it failed by a bug.

        The command says at its end what was wrong. What several jobs have said is printed once.
        """
        self.ended += 1
        self.failed += result.bad
        self.done += result.code == 0
        side_by_side = len(self._begun)
        self._took.append(time.monotonic() - self._begun.pop(slot))
        left = self.seconds_left(side_by_side)
        self.progress.remove_task(self._lines.pop(slot))
        self.progress.update(
            self._all, advance=1, description=self._count, until=left and time.monotonic() + left
        )
        if self.shown:
            label = self.labels[index]
            line = f"failed: {label}" if result.bad else f"{label}: {result.line}"
            self._say(f"lengen: {self.ended} of {len(self.labels)}: {line}{time_left(left)}")
            if result.traceback:
                print(result.output + result.traceback, file=sys.stderr)  # noqa: T201
                return
            said = [each for each in result.output.splitlines() if each.startswith(SAID)]
            for each in dict.fromkeys(said):
                if each not in self._said:
                    self._say(each)
            self._said.update(said)

    def note(self, text: str) -> None:
        """Say on the line of all jobs what those that are left wait for."""
        self.progress.update(self._all, text=text)

    def say(self, line: str) -> None:
        """Print a line."""
        if self.shown:
            self._say(line)

    def _say(self, line: str) -> None:
        self.progress.console.print(Text(line), soft_wrap=True, highlight=False)

    def seconds_left(self, side_by_side: int) -> float | None:
        """How long the rest will take, if it takes as long a job as those that have ended; None before one has.

        Args:
            side_by_side: jobs that run at a time.
        """
        known = [seconds for seconds in self._took if seconds > REPEATED]
        if not known:
            return None
        spent = sum(time.monotonic() - begun for begun in self._begun.values())
        left = len(self.labels) - self.ended
        return max(0.0, fmean(known) * left - spent) / side_by_side

    def _read(self) -> None:
        """Read the states of running jobs until the end."""
        while self._queue:
            slot, state = self._queue.get()
            if slot == -1:
                return
            self._note(slot, state)


def time_left(seconds: float | None) -> str:
    """Time left as the end of a line; empty if it is not known, or if nothing is left.

    >>> time_left(125), time_left(40), time_left(None), time_left(0)
    (' (2 min left)', ' (40 s left)', '', '')
    """
    return f" ({duration(seconds)} left)" if seconds else ""
