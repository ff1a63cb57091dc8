"""What a statistic returns: a value with its interval, or the reason why there is no interval."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

TOLERANCE = 1e-9
"""Scores may lie outside [0, 1] by this much, and statistics that differ by less are equal."""


class Estimate(NamedTuple):
    """A value with its confidence interval.

    Args:
        value: the estimate.
        low: lower bound; None if there is no interval.
        high: upper bound; None if there is no interval.
        note: why there is no interval; empty if there is one.
    """

    value: float
    low: float | None
    high: float | None
    note: str = ""


def no_interval(value: float, seeds: int, needed: int) -> Estimate:
    """Return an estimate without an interval, because there are fewer seeds than it needs.

    >>> no_interval(0.5, 2, 3).note
    '2 seeds: no interval below 3'
    """
    return Estimate(value, None, None, f"{seeds} seed{'' if seeds == 1 else 's'}: no interval below {needed}")


def unit_scores(scores: npt.ArrayLike) -> Floats:
    """Return scores as an array of floats, clipped to [0, 1].

    Raises:
        ValueError: a score is not finite, or lies outside [0, 1] by more than rounding.
    """
    values = np.asarray(scores, dtype=float)
    if values.size and not (values.min() >= -TOLERANCE and values.max() <= 1 + TOLERANCE):
        raise ValueError(f"scores must be in [0, 1], got {values.min()} to {values.max()}")
    clipped: Floats = np.clip(values, 0.0, 1.0)
    return clipped
