"""Error of a score from the draw of test strings, and the paired test on the strings that two cells share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

Means = Sequence[npt.ArrayLike]
"""For each length one number per string: the mean verdict of the seeds, or a difference of such means."""


def half_width(standard_error: float, confidence: float = 0.95) -> float:
    """Return half the width of a normal interval.

    >>> round(half_width(0.01), 4)
    0.0196
    """
    return float(norm.ppf((1 + confidence) / 2)) * standard_error


def standard_error(means: Means, weights: npt.ArrayLike) -> float:
    """Return the standard error of a weighted mean over lengths that comes from the draw of strings (Owen 2007).

    Args:
        means: for each length the seeds' mean verdict on every string. Seeds share the strings, so they are averaged first.
        weights: weight of each length, as `areas.area_weights` gives it.

    Raises:
        ValueError: a length that counts has fewer than two strings, or lengths and weights differ in number.

    >>> round(standard_error([[1, 0, 1, 0]], [1.0]), 4)
    0.2887
    """
    total = 0.0
    for values, weight in zip(means, np.asarray(weights, dtype=float), strict=True):
        strings = np.asarray(values, dtype=float)
        if weight == 0:
            continue
        if len(strings) < 2:  # noqa: PLR2004
            raise ValueError(f"a length needs at least two strings, got {len(strings)}")
        total += weight**2 * strings.var(ddof=1) / len(strings)
    return float(np.sqrt(total))


def differences(first: Means, second: Means) -> list[npt.NDArray[np.float64]]:
    """Return, for each length, the difference between two cells' mean verdicts on every string.

    Raises:
        ValueError: the cells were not evaluated on the same strings.
    """
    pairs = [
        (np.asarray(ours, dtype=float), np.asarray(theirs, dtype=float))
        for ours, theirs in zip(first, second, strict=True)
    ]
    if any(ours.shape != theirs.shape for ours, theirs in pairs):
        raise ValueError("both cells must be evaluated on the same strings")
    return [ours - theirs for ours, theirs in pairs]


def seed_error(first: npt.ArrayLike, second: npt.ArrayLike) -> float:
    """Return Welch's standard error of the difference of two cells' means over seeds; a single seed adds none.

    >>> round(seed_error([0.0, 1.0], [0.5]), 3)
    0.5
    """
    cells = (np.asarray(scores, dtype=float) for scores in (first, second))
    return float(np.sqrt(sum(cell.var(ddof=1) / len(cell) for cell in cells if len(cell) > 1)))


def paired_test(first: Means, second: Means, weights: npt.ArrayLike, seed_error: float = 0.0) -> float:
    """Return the two-sided p-value that two cells do equally well on strings of this kind: a normal test on paired strings.

    With the error of the seeds it counts both errors, though by a normal limit that few seeds do not have. So it is combined with
    a test over seeds: cells differ if both say so (intersection-union, Berger 1982). Were the seeds fixed here, two tests of which
    each counts one error would reject alike cells too often where both errors are about equal.

    Args:
        first: for each length the mean verdict of one cell's seeds on every string.
        second: the same of the other cell, on the same strings.
        weights: weight of each length, as `areas.area_weights` gives it.
        seed_error: standard error of the difference over seeds (`seed_error`); 0 takes the seeds as fixed.

    Raises:
        ValueError: as in `differences` and `standard_error`.

    >>> round(paired_test([[1, 1, 1, 0]], [[0, 1, 0, 0]], [1.0]), 3)
    0.083
    """
    paired = differences(first, second)
    error = float(np.hypot(standard_error(paired, weights), seed_error))
    shift = sum(
        weight * float(values.mean())
        for values, weight in zip(paired, np.asarray(weights, dtype=float).tolist(), strict=True)
        if weight
    )
    if error == 0:
        return 1.0 if shift == 0 else 0.0
    return float(2 * norm.sf(abs(shift) / error))
