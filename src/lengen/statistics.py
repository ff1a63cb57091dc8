"""Intervals, rates, reaches and comparisons: what may be said of shares of right answers, and of seeds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import comb
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import beta, binomtest, mannwhitneyu, permutation_test, rankdata, trim_mean

THRESHOLDS = (0.90, 0.95, 0.99)
"""Lower bounds at which a reach is reported."""
WAYS = 10_000
"""Ways to deal out seeds up to which all are counted."""


@lru_cache(maxsize=100_000)
def clopper_pearson(correct: int, examples: int, confidence: float = 0.95) -> tuple[float, float]:
    """Exact interval for a share (Clopper and Pearson 1934), never narrower than its confidence.

    Args:
        correct: successes.
        examples: trials, at least 1.
        confidence: coverage, above 0 and below 1.

    Returns:
        Lower and upper bound of the share.

    Raises:
        ValueError: fewer trials than successes, or none.

    >>> [round(bound, 3) for bound in clopper_pearson(5, 5)]
    [0.478, 1.0]
    """
    _check_count(correct, examples)
    tail = (1 - confidence) / 2
    low = beta.ppf(tail, correct, examples - correct + 1) if correct else 0.0
    high = beta.ppf(1 - tail, correct + 1, examples - correct) if correct < examples else 1.0
    return float(low), float(high)


def reach(lengths: Sequence[int], lower_bounds: Sequence[float], threshold: float) -> int | None:
    """The longest length up to which, from the shortest on, every lower bound holds a threshold.

    Args:
        lengths: in any order, each once.
        lower_bounds: lower confidence bound of exact match at each.
        threshold: what it must hold.

    Returns:
        A length of the sweep; None if the shortest fails already.

    >>> reach([5, 10, 20, 40], [0.99, 0.95, 0.50, 0.97], 0.90)
    10
    """
    order = np.argsort(lengths)
    holds = np.asarray(lower_bounds, dtype=float)[order] >= threshold
    held = int(np.logical_and.accumulate(holds).sum())
    return int(np.asarray(lengths)[order][held - 1]) if held else None


def wilson(correct: int, examples: int, confidence: float = 0.95) -> tuple[float, float]:
    """Score interval for a share (Wilson 1927): narrower than the exact one, right on average rather than always.

    Args:
        correct: successes.
        examples: trials, at least 1.
        confidence: coverage, above 0 and below 1.

    Returns:
        Lower and upper bound of the share.

    Raises:
        ValueError: fewer trials than successes, or none.

    >>> [round(bound, 3) for bound in wilson(5, 5)]
    [0.566, 1.0]
    """
    _check_count(correct, examples)
    found = binomtest(correct, examples).proportion_ci(confidence, method="wilson")
    return float(found.low), float(found.high)


@dataclass(frozen=True)
class Rate:
    """A share of seeds with its exact interval (Clopper and Pearson 1934).

    Args:
        successes: seeds that succeed.
        tried: all seeds, those that diverged too.
        low: lower bound of the share.
        high: upper bound.
    """

    successes: int
    tried: int
    low: float
    high: float

    @property
    def share(self) -> float:
        """Successes over tried."""
        return self.successes / self.tried


def success_rate(scores: Sequence[float], threshold: float, confidence: float = 0.95) -> Rate:
    """Share of seeds whose score is at least a threshold; a score that is no number is a failure.

    Raises:
        ValueError: there is no seed.

    >>> rate = success_rate([1.0, 0.97, 0.2], 0.9)
    >>> rate.successes, rate.tried, round(rate.low, 2), round(rate.high, 2)
    (2, 3, 0.09, 0.99)
    """
    successes = int((np.asarray(scores, dtype=float) >= threshold).sum())
    return Rate(successes, len(scores), *clopper_pearson(successes, len(scores), confidence))


def interquartile_mean(scores: npt.ArrayLike) -> float:
    """Mean of the middle half of all scores (Agarwal et al. 2021): a quarter, rounded down, is cut off at each end.

    >>> round(interquartile_mean([0.0, 0.5, 0.6, 1.0]), 3)
    0.55
    """
    return float(trim_mean(np.ravel(np.asarray(scores, dtype=float)), 0.25))


Strata = Sequence[npt.ArrayLike]
"""Scores by stratum: of each task (or cell), an array whose first axis is the seed."""
Floats = npt.NDArray[np.float64]
Interval = tuple[float, float] | tuple[None, None]
"""Lower and upper end, where there is one."""


def bootstrap(
    strata: Strata,
    statistic: Callable[[list[Floats]], Floats],
    *,
    resamples: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Percentile interval when seeds are drawn again with replacement, in each stratum apart (Agarwal et al. 2021, sec. 4).

    None where a stratum has a single seed: it shows no spread, and drawing it again and again would claim that there is none.

    Args:
        strata: whole seeds are drawn: what stands behind the first axis stays together.
        statistic: from the resampled strata, one more axis in front (resamples x seeds x ...), to one number a resample.
        resamples: how often.
        confidence: coverage; with few seeds the interval is too narrow.
        seed: of the drawing, so that a table can be made again.
    """
    arrays = [np.asarray(stratum, dtype=float) for stratum in strata]
    if any(len(array) < 2 for array in arrays):  # noqa: PLR2004
        return None, None
    generator = np.random.default_rng(seed)
    drawn = [array[generator.integers(len(array), size=(resamples, len(array)))] for array in arrays]
    tail = 100 * (1 - confidence) / 2
    low, high = np.percentile(statistic(drawn), [tail, 100 - tail])
    return float(low), float(high)


def iqm(strata: Strata) -> tuple[float, float | None, float | None]:
    """Interquartile mean over all scores of all strata, with its stratified bootstrap interval.

    >>> iqm([[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]])
    (1.0, 1.0, 1.0)
    >>> iqm([[[1.0, 0.5, 0.5, 0.0]]])
    (0.5, None, None)
    """

    def pooled(arrays: list[Floats]) -> Floats:
        flat = np.concatenate([array.reshape(len(array), -1) for array in arrays], axis=1)
        return np.asarray(trim_mean(flat, 0.25, axis=1))

    arrays = [np.asarray(stratum, dtype=float)[None] for stratum in strata]
    return float(pooled(arrays)[0]), *bootstrap(strata, pooled)


def performance_profile(scores: Sequence[float], thresholds: Sequence[float]) -> list[float]:
    """Share of seeds whose score is at least each threshold (Dolan and More 2002; Agarwal et al. 2021).

    >>> performance_profile([1.0, 2.0, 4.0, 4.0], [1, 2, 3, 5])
    [1.0, 0.75, 0.5, 0.0]
    """
    held = np.asarray(scores, dtype=float)[:, None] >= np.asarray(thresholds, dtype=float)[None, :]
    return [float(share) for share in held.mean(0)]


def area(lengths: Sequence[int], exact_match: Sequence[float], train_length: int) -> float:
    """Area under exact match over log2(length / train length), from the train length on, by the trapezoid rule.

    Args:
        lengths: ascending.
        exact_match: at each.
        train_length: where the area begins; exact match there is read off the line between its neighbours.

    Returns:
        In doublings: a sweep to four times the train length gives 0 to 2. NaN where no length is beyond.

    >>> area([10, 20, 40], [1.0, 0.5, 0.0], 10)
    1.0
    """
    doublings = np.log2(np.asarray(lengths, dtype=float) / train_length)
    values = np.asarray(exact_match, dtype=float)
    if not (doublings > 0).any():
        return float("nan")
    beyond = doublings > 0
    places, heights = doublings[beyond], values[beyond]
    if not beyond.all():
        places = np.concatenate([[0.0], places])
        heights = np.concatenate([[np.interp(0.0, doublings, values)], heights])
    return float(np.trapezoid(heights, places))


def improvement(ours: npt.ArrayLike, theirs: npt.ArrayLike) -> tuple[float, float | None, float | None]:
    """Probability that a seed of one cell beats a seed of the other at a length, on the same strings; ties count half.

    Mann and Whitney 1947, averaged over lengths as Agarwal et al. 2021 average it over tasks.

    Args:
        ours: exact match, seeds x lengths.
        theirs: the same of the other cell, at the same lengths.

    Returns:
        The probability, and its bootstrap interval over the seeds of both; none where one has a single seed.

    >>> improvement([[1.0, 0.9], [1.0, 0.9]], [[1.0, 0.4], [1.0, 0.4]])
    (0.75, 0.75, 0.75)
    """
    first, second = (np.asarray(scores, dtype=float) for scores in (ours, theirs))
    pairs = first[:, None], second[None, :]
    wins = ((pairs[0] > pairs[1]) + 0.5 * (pairs[0] == pairs[1])).mean(axis=2)

    def beats(drawn: list[Floats]) -> Floats:
        ours, theirs = (_counts(index.astype(int)) for index in drawn)
        return np.asarray(((ours @ wins) * theirs).sum(axis=1) / wins.size)

    return float(wins.mean()), *bootstrap([range(len(first)), range(len(second))], beats)


def _counts(drawn: npt.NDArray[np.int_]) -> Floats:
    """How often each index comes in each row of indices below its length: rows x indices."""
    rows, size = drawn.shape
    shifted = drawn + size * np.arange(rows)[:, None]
    return np.bincount(shifted.ravel(), minlength=rows * size).reshape(rows, size).astype(float)


def difference(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Two-sided p-value that the scores of two cells' seeds are alike (Mann and Whitney 1947); ties share ranks.

    Every way to deal the seeds out is counted where there are up to 10,000 (7 against 7), else it is the normal limit,
    corrected for ties. Three seeds against three give 0.1 at best, four against four 0.029; one seed tells nothing: 1.

    >>> round(difference([1, 2, 3, 4], [5, 6, 7, 8]), 4)
    0.0286
    """
    if min(len(ours), len(theirs)) < 2 or len({*ours, *theirs}) == 1:  # noqa: PLR2004
        return 1.0
    if comb(len(ours) + len(theirs), len(ours)) > WAYS:
        return float(mannwhitneyu(ours, theirs, method="asymptotic").pvalue)
    ranks = rankdata(np.concatenate([np.asarray(ours, dtype=float), np.asarray(theirs, dtype=float)]))

    def apart(first: npt.NDArray[Any], second: npt.NDArray[Any], axis: int) -> npt.NDArray[Any]:
        return np.asarray(first.mean(axis=axis) - second.mean(axis=axis))

    dealt = (ranks[: len(ours)], ranks[len(ours) :])
    return float(permutation_test(dealt, apart, vectorized=True, n_resamples=WAYS).pvalue)


def mean_rank(scores: npt.ArrayLike) -> list[float]:
    """Mean over tasks of each cell's rank, best first; equal scores share the mean of their ranks.

    Args:
        scores: cells x tasks, larger is better; NaN where a cell was not tried, which is left out of its mean.

    >>> mean_rank([[1.0, 0.2], [1.0, 0.5], [0.3, 0.1]])
    [1.75, 1.25, 3.0]
    """
    table = -np.asarray(scores, dtype=float)
    ranks = rankdata(table, axis=0, nan_policy="omit")
    return [float(np.nanmean(row)) if not np.isnan(row).all() else float("nan") for row in ranks]


def _check_count(correct: int, examples: int) -> None:
    """Refuse counts that are none.

    Raises:
        ValueError: fewer trials than successes, or none.
    """
    if not 0 <= correct <= examples or examples < 1:
        raise ValueError(f"{correct} of {examples}: allowed is 0 to all of at least one example")
