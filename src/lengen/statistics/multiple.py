"""Adjustment of p-values for the number of tests."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lengen.statistics.estimates import TOLERANCE, Floats


def holm(p_values: npt.ArrayLike) -> Floats:
    """Return p-values adjusted so that any false claim has at most the nominal probability (Holm 1979).

    >>> holm([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    """
    values = np.asarray(p_values, dtype=float)
    order = np.argsort(values, kind="stable")
    adjusted = np.empty_like(values)
    adjusted[order] = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1))
    return np.asarray(np.minimum(adjusted, 1.0))


def tarone_holm(p_values: npt.ArrayLike, least: npt.ArrayLike) -> Floats:
    """Return p-values adjusted as by Holm, where a test that cannot reach the level is not counted (Tarone 1990).

    In each step of Holm's procedure a p-value is multiplied by the number of remaining tests that could have given one as low
    (as improved by Hommel and Krummenauer 1998, so that a higher level never rejects less).

    Args:
        p_values: p-value of each test.
        least: least p-value that each test can give.

    >>> tarone_holm([0.02, 0.5], [0.01, 0.4]).tolist()
    [0.02, 0.5]
    """
    values, floors = np.asarray(p_values, dtype=float), np.asarray(least, dtype=float)
    order = np.argsort(values, kind="stable")
    rivals = floors[order][None, :] <= values[order][:, None] * (1 + TOLERANCE)
    counts = np.triu(rivals).sum(axis=1)
    adjusted = np.empty_like(values)
    adjusted[order] = np.maximum.accumulate(values[order] * np.maximum(counts, 1))
    return np.asarray(np.minimum(adjusted, 1.0))


def benjamini_hochberg(p_values: npt.ArrayLike) -> Floats:
    """Return q-values: the expected share of false claims among the claims (Benjamini and Hochberg 1995); exploratory.

    >>> benjamini_hochberg([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.04, 0.04]
    """
    values = np.asarray(p_values, dtype=float)
    order = np.argsort(values, kind="stable")[::-1]
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum.accumulate(values[order] * len(values) / np.arange(len(values), 0, -1))
    return np.asarray(np.minimum(adjusted, 1.0))
