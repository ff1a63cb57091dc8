"""Examples a second of every task with its default options, at length 20 or the nearest that it has.

CPU seconds of one thread; 4,096 examples a draw.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from omegaconf import OmegaConf

from benchmarks import Entry, Setting, Skipped
from benchmarks.timing import figure, repeated
from lengen.config.builder import Builder
from lengen.config.search import config_dir
from lengen.task import Task

STRICT = True
"""A task below its least is an error."""
LEAST = {"addition": 200_000, "copy": 200_000, "parity": 200_000, "passkey": 200_000, "sort": 50_000}
"""Least examples per second by task; OTHERS for all other tasks."""
OTHERS, LENGTH, EXAMPLES, ROUNDS = 5_000, 20, 4096, 9


def measure(setting: Setting) -> Iterator[Entry]:
    """Yield examples a second, by task."""
    for path in sorted((config_dir() / "task").glob("*.yaml"))[: setting.count(1000, 3)]:
        content: Any = OmegaConf.to_container(OmegaConf.load(path), resolve=True)
        try:
            task: Task = Builder().build(Task, content.get("task", content), "task")  # type: ignore[type-abstract]
            length = nearest(task)
        except (ValueError, OSError) as error:
            yield Skipped(path.stem, str(error).partition("\n")[0])
            continue
        count, draws = setting.count(EXAMPLES, 8), torch.Generator().manual_seed(0)
        spent = repeated(setting, partial(task.sample, length, count, draws), setting.rounds_of(ROUNDS))
        speeds, mark = [count / seconds for seconds in spent], LEAST.get(path.stem, OTHERS)
        rest = {"mark": mark, "note": f"length {length}", "detail": path.stem not in LEAST}
        yield figure(path.stem, "examples a second", speeds, **rest)


def nearest(task: Task) -> int:
    """Return the length nearest to LENGTH that a task has."""
    for length in sorted(range(1, 2 * LENGTH), key=lambda length: abs(length - LENGTH)):
        if task.has(length):
            return length
    raise ValueError(f"the task has no length up to {2 * LENGTH - 1}")
