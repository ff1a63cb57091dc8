"""Depth of a key in its context, from 0 to 1: an option of several tasks, and a family of stress sets."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lengen.config.errors import require
from lengen.task import Task


def check(depth: float | None) -> None:
    """Check that a depth is None or in [0, 1].

    Raises:
        UsageError: the depth is out of range.
    """
    require(depth is None or 0 <= depth <= 1, f"task.depth={depth}: must be null (uniform) or in [0, 1]")


def depths(task: Any) -> dict[str, Task]:
    """Stress sets of a task with an option `depth`: eleven depths from the beginning to the end."""
    values = [tenth / 10 for tenth in range(11)]
    return {f"depth={depth:.2f}": replace(task, depth=depth) for depth in values}
