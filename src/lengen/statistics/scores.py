"""One number per seed or cell: areas, profiles, ranks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata


def performance_profile(scores: Sequence[float], thresholds: Sequence[float]) -> list[float]:
    """Fraction of seeds whose score is at least each threshold (Dolan and More 2002; Agarwal et al. 2021).

    >>> performance_profile([1.0, 2.0, 4.0, 4.0], [1, 2, 3, 5])
    [1.0, 0.75, 0.5, 0.0]
    """
    passed = np.asarray(scores, dtype=float)[:, None] >= np.asarray(thresholds, dtype=float)[None, :]
    return [float(fraction) for fraction in passed.mean(0)]


def area(lengths: Sequence[int], exact_match: Sequence[float], train_length: int) -> float:
    """Area under exact match over log2(length / train length), from the train length on, by the trapezoid rule.

    Args:
        lengths: lengths in ascending order.
        exact_match: exact match at each length.
        train_length: where the area begins; exact match there is interpolated linearly.

    Returns:
        The area in doublings, 0 to 2 for a sweep up to four times the train length; NaN if no length is beyond it.

    >>> area([10, 20, 40], [1.0, 0.5, 0.0], 10)
    1.0
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


def mean_rank(scores: npt.ArrayLike) -> list[float]:
    """Mean rank of each cell over tasks, 1 is best; equal scores share the mean of their ranks.

    Args:
        scores: cells x tasks, larger is better; NaN if a cell was not run on a task, which is left out of its mean.

    >>> mean_rank([[1.0, 0.2], [1.0, 0.5], [0.3, 0.1]])
    [1.75, 1.25, 3.0]
    """
    table = -np.asarray(scores, dtype=float)
    ranks = rankdata(table, axis=0, nan_policy="omit")
    return [float(np.nanmean(row)) if not np.isnan(row).all() else float("nan") for row in ranks]
