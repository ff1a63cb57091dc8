"""Progress bars: of rich in a terminal, as text that replaces itself in a notebook, and as reports to another process."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from io import StringIO
from typing import Any

from rich.console import Console
from rich.progress import Progress, ProgressColumn, TaskID, TextColumn

WIDTH, PAUSE = 100, 0.5
"""Columns of the bar in a notebook, and seconds between two of its pictures or reports."""
Report = Callable[[Mapping[str, Any]], None]
"""Receives how far a bar is: `completed`, `total` and `text`."""


_REPORT: ContextVar[Report | None] = ContextVar("report", default=None)


@contextmanager
def reported_to(report: Report | None) -> Iterator[None]:
    """Let progress bars report to a function instead of showing anything, while the block runs; None changes nothing."""
    token = _REPORT.set(report)
    try:
        yield
    finally:
        _REPORT.reset(token)


def in_notebook() -> bool:
    """Whether this is the kernel of a notebook."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return type(shell).__name__ == "ZMQInteractiveShell"


def progress_bar(
    *columns: ProgressColumn, shown: bool, transient: bool = False, refresh_per_second: float = 10
) -> Progress:
    """A bar for wherever this runs.

    Args:
        columns: of the bar.
        shown: False makes a bar that shows nothing.
        transient: whether it goes away at its end.
        refresh_per_second: in a terminal.
    """
    if (report := _REPORT.get()) is not None:
        return ReportedProgress(*columns, report=report)
    kind = NotebookProgress if shown and in_notebook() else Progress
    return kind(*columns, disable=not shown, transient=transient, refresh_per_second=refresh_per_second)


class ReportedProgress(Progress):
    """A bar that shows nothing and reports how far it is."""

    def __init__(self, *columns: ProgressColumn, report: Report) -> None:
        super().__init__(*columns, disable=True)
        self.report, self.reported = report, 0.0

    def update(self, task_id: TaskID, **fields: Any) -> None:
        """Note how far it is; report it twice a second."""
        super().update(task_id, **fields)
        if time.monotonic() > self.reported + PAUSE:
            self.reported = time.monotonic()
            task = self._tasks[task_id]
            texts = (column.render(task).plain for column in self.columns if isinstance(column, TextColumn))
            self.report(
                {"completed": task.completed, "total": task.total, "text": " ".join(filter(None, texts))}
            )


class NotebookProgress(Progress):
    """The same columns, as a display of the notebook that is updated in place."""

    def __init__(self, *columns: ProgressColumn, transient: bool = False, **_: Any) -> None:
        console = Console(file=StringIO(), width=WIDTH, force_terminal=False, force_jupyter=False)
        super().__init__(*columns, console=console, auto_refresh=False)
        self.transient, self.drawn = transient, 0.0
        self.handle: Any = None

    def start(self) -> None:
        """Show it for the first time."""
        from IPython.display import display

        self.handle = display(self._picture(), raw=True, display_id=True)  # type: ignore[no-untyped-call,unused-ignore]

    def update(self, *arguments: Any, **fields: Any) -> None:
        """Note how far it is; show it twice a second."""
        super().update(*arguments, **fields)
        if self.handle is not None and time.monotonic() > self.drawn + PAUSE:
            self.drawn = time.monotonic()
            self.handle.update(self._picture(), raw=True)

    def stop(self) -> None:
        """Show its end, or nothing any more."""
        if self.handle is not None:
            self.handle.update({"text/plain": ""} if self.transient else self._picture(), raw=True)
            self.handle = None

    def _picture(self) -> dict[str, str]:
        """The bar as text."""
        with self.console.capture() as caught:
            self.console.print(self.get_renderable())
        return {"text/plain": caught.get().rstrip()}
