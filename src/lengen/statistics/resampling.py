"""Bootstrap over seeds, and statistics with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from scipy.stats import trim_mean


def interquartile_mean(scores: npt.ArrayLike) -> float:
    """Mean of the middle half of all scores (Agarwal et al. 2021); a quarter, rounded down, is dropped at each end.

    >>> round(interquartile_mean([0.0, 0.5, 0.6, 1.0]), 3)
    0.55
    """
    return float(trim_mean(np.ravel(np.asarray(scores, dtype=float)), 0.25))


Strata = Sequence[npt.ArrayLike]
"""Scores by stratum: for each task (or cell) an array whose first axis is the seed."""


Floats = npt.NDArray[np.float64]


Interval = tuple[float, float] | tuple[None, None]
"""Lower and upper bound; None if there is no interval."""


def bootstrap(
    strata: Strata,
    statistic: Callable[[list[Floats]], Floats],
    *,
    resamples: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Percentile interval from resampling seeds with replacement, separately in each stratum (Agarwal et al. 2021, sec. 4).

    There is no interval if a stratum has a single seed: resampling it would show no spread, which would be misleading.

    Args:
        strata: scores by stratum. Seeds are resampled as a whole: all other axes stay together.
        statistic: maps resampled strata, with a leading axis (resamples x seeds x ...), to one number per resample.
        resamples: number of resamples.
        confidence: nominal coverage; with few seeds the interval is too narrow.
        seed: seed of the resampling, which makes tables reproducible.
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


def improvement(ours: npt.ArrayLike, theirs: npt.ArrayLike) -> tuple[float, float | None, float | None]:
    """Probability that a seed of one cell beats a seed of the other at a length, on the same examples; ties count half.

    Mann and Whitney 1947, averaged over lengths as Agarwal et al. 2021 average it over tasks.

    Args:
        ours: exact match, seeds x lengths.
        theirs: the same for the other cell, at the same lengths.

    Returns:
        The probability and its bootstrap interval over the seeds of both; no interval if one cell has a single seed.

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
    """Number of times that each index occurs in each row; indices are below the row's length: rows x indices."""
    rows, size = drawn.shape
    shifted = drawn + size * np.arange(rows)[:, None]
    return np.bincount(shifted.ravel(), minlength=rows * size).reshape(rows, size).astype(float)
