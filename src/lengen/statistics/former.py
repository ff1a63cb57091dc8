"""Functions that other ones replace; each warns when it is called, and works for one release.

| function | replaced by | why |
|---|---|---|
| `area` | `areas.mean_areas` | lengths must be common to all that is compared |
| `difference` | `permutation.permutation_test` | it compared ranks, by a normal limit from 8 seeds on |
| `improvement` | `differences.beats` | its bootstrap interval is too narrow for few seeds |
| `iqm` | `interquartile.interquartile_interval` | its bootstrap interval is too narrow for few seeds |
| `mean_rank` | `comparison.ranks.ranks` | it ranked differences that are not significant |
"""

from __future__ import annotations

from collections.abc import Sequence
from math import comb
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import mannwhitneyu, permutation_test, rankdata, trim_mean
from typing_extensions import deprecated

from lengen.statistics.estimates import Floats
from lengen.statistics.resampling import Strata, bootstrap

MAX_PERMUTATIONS = 10_000
"""Number of permutations up to which the test of ranks is exact."""


@deprecated("lengen.statistics.area works for one more release; use lengen.statistics.areas.mean_areas")
def area(lengths: Sequence[int], exact_match: Sequence[float], train_length: int) -> float:
    """Area under exact match over log2(length / train length), from the train length on, by the trapezoid rule.

    Args:
        lengths: lengths in ascending order.
        exact_match: exact match at each length.
        train_length: where the area begins; exact match there is interpolated linearly.

    Returns:
        The area in doublings, 0 to 2 for a sweep up to four times the train length; NaN if no length is beyond it.
    """
    doublings = np.log2(np.asarray(lengths, dtype=float) / train_length)
    values = np.asarray(exact_match, dtype=float)
    if not (doublings > 0).any():
        return float("nan")
    beyond = doublings > 0
    x, y = doublings[beyond], values[beyond]
    if not beyond.all():
        x = np.concatenate([[0.0], x])
        y = np.concatenate([[np.interp(0.0, doublings, values)], y])
    return float(np.trapezoid(y, x))


@deprecated(
    "lengen.statistics.difference works for one more release; use lengen.statistics.permutation.permutation_test"
)
def difference(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Two-sided p-value of the hypothesis that two cells' scores have the same distribution (Mann and Whitney 1947).

    Ties share ranks. The test is exact for up to 10,000 permutations (7 seeds against 7), and else uses the normal
    approximation, corrected for ties. Three seeds against three give at least 0.1, four against four at least 0.029; with
    a single seed the p-value is 1.
    """
    if min(len(ours), len(theirs)) < 2 or len({*ours, *theirs}) == 1:  # noqa: PLR2004
        return 1.0
    if comb(len(ours) + len(theirs), len(ours)) > MAX_PERMUTATIONS:
        return float(mannwhitneyu(ours, theirs, method="asymptotic").pvalue)
    ranks = rankdata(np.concatenate([np.asarray(ours, dtype=float), np.asarray(theirs, dtype=float)]))

    def statistic(first: npt.NDArray[Any], second: npt.NDArray[Any], axis: int) -> npt.NDArray[Any]:
        return np.asarray(first.mean(axis=axis) - second.mean(axis=axis))

    samples = (ranks[: len(ours)], ranks[len(ours) :])
    return float(permutation_test(samples, statistic, vectorized=True, n_resamples=MAX_PERMUTATIONS).pvalue)


@deprecated(
    "lengen.statistics.improvement works for one more release; use lengen.statistics.differences.beats"
)
def improvement(ours: npt.ArrayLike, theirs: npt.ArrayLike) -> tuple[float, float | None, float | None]:
    """Probability that a seed of one cell beats a seed of the other at a length, on the same examples; ties count half.

    Mann and Whitney 1947, averaged over lengths as Agarwal et al. 2021 average it over tasks.

    Args:
        ours: exact match, seeds x lengths.
        theirs: the same for the other cell, at the same lengths.

    Returns:
        The probability and its bootstrap interval over the seeds of both; no interval if one cell has a single seed.
    """
    first, second = (np.asarray(scores, dtype=float) for scores in (ours, theirs))
    pairs = first[:, None], second[None, :]
    wins = ((pairs[0] > pairs[1]) + 0.5 * (pairs[0] == pairs[1])).mean(axis=2)

    def beats(drawn: list[Floats]) -> Floats:
        ours, theirs = (_counts(index.astype(int)) for index in drawn)
        return np.asarray(((ours @ wins) * theirs).sum(axis=1) / wins.size)

    return float(wins.mean()), *bootstrap([range(len(first)), range(len(second))], beats)


@deprecated(
    "lengen.statistics.iqm works for one more release; use lengen.statistics.interquartile.interquartile_interval"
)
def iqm(strata: Strata) -> tuple[float, float | None, float | None]:
    """Interquartile mean over all scores of all strata, with its stratified bootstrap interval."""

    def pooled(arrays: list[Floats]) -> Floats:
        flat = np.concatenate([array.reshape(len(array), -1) for array in arrays], axis=1)
        return np.asarray(trim_mean(flat, 0.25, axis=1))

    arrays = [np.asarray(stratum, dtype=float)[None] for stratum in strata]
    return float(pooled(arrays)[0]), *bootstrap(strata, pooled)


@deprecated("lengen.statistics.mean_rank works for one more release; use lengen.comparison.ranks.ranks")
def mean_rank(scores: npt.ArrayLike) -> list[float]:
    """Mean rank of each cell over tasks, 1 is best; equal scores share the mean of their ranks.

    Args:
        scores: cells x tasks, larger is better; NaN if a cell was not run on a task, which is left out of its mean.
    """
    table = -np.asarray(scores, dtype=float)
    ranks = rankdata(table, axis=0, nan_policy="omit")
    return [float(np.nanmean(row)) if not np.isnan(row).all() else float("nan") for row in ranks]


def _counts(drawn: npt.NDArray[np.int_]) -> Floats:
    """Number of times that each index occurs in each row; indices are below the row's length: rows x indices."""
    rows, size = drawn.shape
    shifted = drawn + size * np.arange(rows)[:, None]
    return np.bincount(shifted.ravel(), minlength=rows * size).reshape(rows, size).astype(float)
