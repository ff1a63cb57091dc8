"""What is shown of a study: a line for every running job, and for every job that has ended."""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping, Sequence
from multiprocessing.queues import SimpleQueue
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from lengen.launcher.job import JobResult


class Display:
    """The running jobs of a study in a terminal; elsewhere, lines for those that have ended.

    Args:
        labels: of the jobs.
        queue: from which the state of running jobs is read; None where they run in this process and show themselves.
        shown: False shows nothing.
    """

    def __init__(
        self, labels: Sequence[str], queue: SimpleQueue[tuple[int, Mapping[str, Any]]] | None, *, shown: bool
    ) -> None:
        self.labels, self._queue, self.shown = labels, queue, shown
        self.done = self.failed = 0
        self.console = Console()
        self.progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(20),
            TextColumn("{task.fields[text]}", markup=False),
            TimeRemainingColumn(),
            console=self.console,
            disable=not (shown and queue and self.console.is_terminal),
            transient=True,
            refresh_per_second=4,
        )
        self._all = self.progress.add_task(self._count, total=len(labels), text="")
        self._lines = dict[int, TaskID]()
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
        left = len(self.labels) - self.done - self.failed
        return f"{self.done} done, {self.failed} failed, {left} left"

    def begin(self, slot: int, index: int) -> None:
        """A job has started."""
        self._lines[slot] = self.progress.add_task(self.labels[index], total=None, text="")
        if self.shown and self._queue is None:
            self._say(f"\nlengen: job {index + 1} of {len(self.labels)}: {self.labels[index]}")

    def end(self, slot: int, index: int, result: JobResult) -> None:
        """A job has ended: print a line, and what it printed if it failed by a bug."""
        self.failed += result.code != 0
        self.done += result.code == 0
        self.progress.remove_task(self._lines.pop(slot))
        self.progress.update(self._all, advance=1, description=self._count)
        if self.shown:
            head = "failed: " if result.code else ""
            count = f"{self.done + self.failed} of {len(self.labels)}"
            self._say(f"lengen: {count}: {head}{self.labels[index]}: {result.line}{self._left()}")
            if result.traceback:
                print(result.output + result.traceback, file=sys.stderr)  # noqa: T201

    def _say(self, line: str) -> None:
        self.progress.console.print(Text(line), soft_wrap=True, highlight=False)

    def _left(self) -> str:
        """How long the rest will take; nothing in a terminal, which shows it all the time."""
        seconds = self.progress.tasks[0].time_remaining  # of the line of all jobs
        return f" ({seconds / 60:.0f} min left)" if self.progress.disable and seconds else ""

    def _read(self) -> None:
        """Read the states of running jobs until the end."""
        while self._queue:
            slot, state = self._queue.get()
            if slot == -1:
                return
            if (line := self._lines.get(slot)) is not None:
                self.progress.update(line, **state)
