"""What was seen of a cell, beside what theory predicts of it: whether its trained seeds go far beyond the train length."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lengen.comparison.cell_scores import ends, factors, reach_measurable
from lengen.comparison.grouping import Cell
from lengen.statistics.intervals import THRESHOLDS, clopper_pearson

FAR, THRESHOLD = 4, THRESHOLDS[0]
"""A seed goes far if its reach at 0.90 is at least this many times the train length."""
HALF = 0.5


@dataclass(frozen=True)
class Seen:
    """Whether more or fewer than half of the seeds of a cell go far.

    Args:
        verdict: `yes` or `no` where the interval of the share of seeds that go far lies above or below one half, else `undecided`;
            `not trained` without a trained seed.
        far: number of trained seeds that go far; None if there were too few examples to measure it.
        low: lower bound of their share (95%, Clopper and Pearson 1934); None where `far` is.
        high: upper bound.
    """

    verdict: Literal["yes", "no", "undecided", "not trained"]
    far: int | None = None
    low: float | None = None
    high: float | None = None


def seen(cell: Cell) -> Seen:
    """Return what was seen of a cell.

    Only trained seeds count: one that has not learned the trained lengths says nothing of longer ones. Of a seed whose curve held to a
    sweep end that was not far, nothing is known, so the bounds hold whichever it would have done.

    Args:
        cell: with all of its runs.
    """
    trained = cell.gated()
    if not trained.runs:
        return Seen("not trained")
    if not reach_measurable(trained, THRESHOLD):
        return Seen("undecided")
    reached = factors(trained, THRESHOLD)
    far = sum(factor >= FAR for factor in reached)
    unknown = sum(factor == end < FAR for factor, end in zip(reached, ends(trained), strict=True))
    low = clopper_pearson(far, trained.tried)[0]
    high = clopper_pearson(far + unknown, trained.tried)[1]
    return Seen("yes" if low > HALF else "no" if high < HALF else "undecided", far, low, high)
