"""Intervals of shares, and what is read off them: reaches and success rates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.stats import beta, binomtest

THRESHOLDS = (0.90, 0.95, 0.99)
"""Lower bounds at which a reach is reported."""


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


def _check_count(correct: int, examples: int) -> None:
    """Refuse counts that are none.

    Raises:
        ValueError: fewer trials than successes, or none.
    """
    if not 0 <= correct <= examples or examples < 1:
        raise ValueError(f"{correct} of {examples}: allowed is 0 to all of at least one example")
