"""Bootstrap over seeds, and the interquartile mean. The intervals of a comparison are others: this one is too narrow for few seeds."""

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
