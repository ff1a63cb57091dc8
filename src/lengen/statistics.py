"""Intervals and reaches: what may be said of a share of right answers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import beta

THRESHOLDS = (0.90, 0.95, 0.99)
"""Lower bounds at which a reach is reported."""


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
    if not 0 <= correct <= examples or examples < 1:
        raise ValueError(f"{correct} of {examples}: allowed is 0 to all of at least one example")
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
