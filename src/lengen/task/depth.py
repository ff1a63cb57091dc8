"""How deep in its surroundings something stands, from 0 to 1: an option of several tasks, and a family of stress sets."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lengen.config.errors import require
from lengen.task import Task


def check(depth: float | None) -> None:
    """Refuse a depth outside of the surroundings.

    Raises:
        UsageError: names the option.
    """
    require(depth is None or 0 <= depth <= 1, f"task.depth={depth}: must be null (uniform) or in [0, 1]")


def depths(task: Any) -> dict[str, Task]:
    """A task that has a `depth`, at eleven of them from the beginning to the end."""
    places = [tenth / 10 for tenth in range(11)]
    return {f"depth={depth:.2f}": replace(task, depth=depth) for depth in places}
