"""Tests of two cells."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import mannwhitneyu, permutation_test, rankdata

WAYS = 10_000
"""Ways to deal out seeds up to which all are counted."""


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
