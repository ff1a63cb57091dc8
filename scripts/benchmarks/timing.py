"""Time of a device, of two sides in turn, and medians with quartiles."""

from __future__ import annotations

import resource
import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch

from benchmarks import Figure, Setting

WARM = 3
"""First rounds of a comparison, which are not counted."""


def now(device: str) -> float:
    """Seconds: CPU time of this thread, which other processes do not use up; on a GPU wall time, once its work is done."""
    if device != "cuda":
        return time.thread_time()
    torch.cuda.synchronize()
    return time.perf_counter()


def seconds(device: str, work: Callable[[], object]) -> float:
    """Return the seconds that some work takes."""
    started = now(device)
    work()
    return now(device) - started


def in_turn(
    setting: Setting, sides: Sequence[Callable[[], object]], rounds: int, warm: int = WARM
) -> list[list[float]]:
    """Return the seconds of every round of each side; the sides run in turn, every other round in reverse.

    Args:
        setting: the device, and until when a round is begun; there are two at least.
        sides: each runs its work once.
        rounds: the most that are counted.
        warm: rounds before them.
    """
    spent: list[list[float]] = [[] for _ in sides]
    for index in range(-setting.count(warm, 1), rounds):
        if index >= 2 and time.monotonic() > setting.until:
            break
        order = range(len(sides)) if index % 2 else reversed(range(len(sides)))
        for side in order:
            taken = seconds(setting.device, sides[side])
            if index >= 0:
                spent[side].append(taken)
    return spent


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """Lower quartile, median and upper quartile; of a single value three times that."""
    if len(values) == 1:
        return values[0], values[0], values[0]
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, median, high


def figure(what: str, unit: str, measured: Sequence[float], **rest: Any) -> Figure:
    """Return the median of what was measured, with its quartiles."""
    low, median, high = quartiles(measured)
    return Figure(what, unit, median, low, high, len(measured), **rest)


def ratio(what: str, unit: str, other: Sequence[float], own: Sequence[float], **rest: Any) -> Figure:
    """Return how many times longer the other side takes in a round, with the milliseconds of both."""
    values = {
        "own_ms": statistics.median(own) * 1000,
        "other_ms": statistics.median(other) * 1000,
        "ratio_of_totals": sum(other) / sum(own),
        **rest.pop("values", {}),
    }
    ratios = [theirs / ours for theirs, ours in zip(other, own, strict=True)]
    return figure(what, unit, ratios, values=values, **rest)


def children_cost(work: Callable[[], object]) -> tuple[float, float]:
    """Return wall seconds and CPU seconds of work that other processes do."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    work()
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def repeated(setting: Setting, work: Callable[[], object], rounds: int) -> list[float]:
    """Return the seconds of every round of some work."""
    return in_turn(setting, [partial(work)], rounds, 1)[0]
