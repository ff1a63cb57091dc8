"""Reach of a cell: median over seeds, its interval and its profile, where sweeps end before curves fall."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.stats import binom

from lengen.statistics.estimates import Estimate, no_interval
from lengen.statistics.intervals import Rate, success_rate
from lengen.statistics.simplex import SEEDS_OF_A_RANK


class MedianReach(NamedTuple):
    """Median reach of a cell. A reach is a length of the sweep and stands for all lengths up to the next one.

    Args:
        median: median of the reaches; 0 for seeds that have none.
        at_least: whether the median is at the end of the sweep, so that the true one may be longer.
        low: lower bound; None if there is no interval.
        high: upper bound, the first length that is not reached; None if there is no interval, or if it is beyond the sweep.
        beyond: whether the upper bound is beyond the sweep ("at least" its last length).
        note: why there is no interval; empty if there is one.
    """

    median: float
    at_least: bool
    low: int | None
    high: int | None
    beyond: bool
    note: str = ""


def bound_rank(seeds: int, confidence: float = 0.95) -> int:
    """Return which order statistics bound the median: the l-th smallest and the l-th largest (Thompson 1936).

    l is the largest number with P(Bin(seeds, 1/2) < l) <= (1 - confidence) / 2, and at least 1: with 5 seeds, smallest and largest
    cover 0.9375.

    >>> [bound_rank(seeds) for seeds in (5, 6, 10, 20)]
    [1, 1, 2, 6]
    """
    ranks = np.arange(1, seeds // 2 + 2)
    return max(1, int((binom.cdf(ranks - 1, seeds, 0.5) <= (1 - confidence) / 2).sum()))


def median_interval(values: npt.ArrayLike, confidence: float = 0.95) -> Estimate:
    """Return the median over seeds with its order-statistic interval, from five seeds on (Thompson 1936).

    >>> median_interval([3.0, 1.0, 2.0, 5.0, 4.0])
    Estimate(value=3.0, low=1.0, high=5.0, note='')
    """
    ordered = np.sort(np.asarray(values, dtype=float))
    median = float(np.median(ordered))
    if len(ordered) < SEEDS_OF_A_RANK:
        return no_interval(median, len(ordered), SEEDS_OF_A_RANK)
    rank = bound_rank(len(ordered), confidence)
    return Estimate(median, float(ordered[rank - 1]), float(ordered[-rank]))


def median_reach(reaches: Sequence[int], lengths: Sequence[int], confidence: float = 0.95) -> MedianReach:
    """Return the median reach over seeds, with an interval from five seeds on.

    The interval goes from the l-th smallest reach to the length after the l-th largest, l = `bound_rank`. A reach at the sweep's
    end is censored there, for all seeds at the same length. Reach is a certificate, biased down: with 1,000 strings a true exact
    match of 0.92 passes "lower bound >= 0.90" at one length with probability 0.58.

    Args:
        reaches: reach of every seed, one of the lengths; 0 for none.
        lengths: all lengths of the sweep, shared by the seeds.
        confidence: nominal coverage, in (0, 1).

    Raises:
        ValueError: there are no seeds, or a reach is none of the lengths.

    >>> median_reach([20, 40, 40, 40, 20], [10, 20, 40])
    MedianReach(median=40.0, at_least=True, low=20, high=None, beyond=True, note='')
    """
    ordered, grid = np.sort(np.asarray(reaches, dtype=int)), np.unique(np.asarray(lengths, dtype=int))
    if not ordered.size or not np.isin(ordered, [0, *grid]).all():
        raise ValueError(f"reaches must be lengths of the sweep or 0, got {list(reaches)}")
    last = grid[-1]
    median = float(np.median(ordered))
    at_least = bool(ordered[len(ordered) // 2] == last)
    if len(ordered) < SEEDS_OF_A_RANK:
        note = no_interval(median, len(ordered), SEEDS_OF_A_RANK).note
        return MedianReach(median, at_least, None, None, beyond=False, note=note)
    rank = bound_rank(len(ordered), confidence)
    beyond = bool(ordered[-rank] == last)
    high = None if beyond else int(grid[grid > ordered[-rank]][0])
    return MedianReach(median, at_least, int(ordered[rank - 1]), high, beyond)


def reach_profile(
    reaches: Sequence[float], ends: Sequence[float], at: Sequence[float], confidence: float = 0.95
) -> list[Rate | None]:
    """Return the share of seeds whose reach is at least each value, with an exact interval; None beyond the shortest sweep.

    All seeds of a sweep are censored at its end, so up to there the profile is the Kaplan-Meier curve.

    Args:
        reaches: reach of every seed, as a length or as a multiple of the train length.
        ends: where the sweep of every seed ends, in the same unit.
        at: values at which the profile is taken.
        confidence: coverage, in (0, 1).

    >>> [rate and rate.successes for rate in reach_profile([1.0, 4.0], [4.0, 4.0], [1.0, 2.0, 8.0])]
    [2, 1, None]
    """
    shortest = min(ends)
    return [success_rate(reaches, value, confidence) if value <= shortest else None for value in at]
