"""Confidence intervals of proportions, and what is derived from them: reaches and success rates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import betaincinv

THRESHOLDS = (0.90, 0.95, 0.99)
"""Lower bounds at which a reach is reported."""


@lru_cache(maxsize=100_000)
def clopper_pearson(correct: int, examples: int, confidence: float = 0.95) -> tuple[float, float]:
    """Exact confidence interval of a proportion (Clopper and Pearson 1934); its coverage is at least its confidence.

    Args:
        correct: number of successes.
        examples: number of trials, at least 1.
        confidence: coverage, in (0, 1).

    Returns:
        Lower and upper bound of the proportion.

    Raises:
        ValueError: there are more successes than trials, or no trials.

    >>> [round(bound, 3) for bound in clopper_pearson(5, 5)]
    [0.478, 1.0]
    """
    _check_count(correct, examples)
    tail = (1 - confidence) / 2
    low = betaincinv(correct, examples - correct + 1, tail) if correct else 0.0
    high = betaincinv(correct + 1, examples - correct, 1 - tail) if correct < examples else 1.0
    return float(low), float(high)


def measurable(threshold: float, examples: int) -> bool:
    """Whether a reach at a threshold can exist: with all of so many examples right, the lower 95% bound is at least the threshold.

    >>> measurable(0.99, 368), measurable(0.99, 367)
    (True, False)
    """
    return clopper_pearson(examples, examples)[0] >= threshold


@lru_cache
def examples_needed(threshold: float) -> int:
    """Return the least number of examples with which a reach at a threshold below 1 is measurable.

    >>> [examples_needed(threshold) for threshold in (0.90, 0.95, 0.99)]
    [36, 72, 368]
    """
    examples = 1
    while not measurable(threshold, examples):
        examples += 1
    return examples


def not_measurable(examples: int) -> str:
    """Name the reaches that so many examples per length cannot measure, and what they need; empty if there are none.

    >>> not_measurable(100), not_measurable(50), not_measurable(1000)
    ('reach 0.99 (needs 368)', 'reach 0.95 (needs 72), 0.99 (needs 368)', '')
    """
    lacking = [threshold for threshold in THRESHOLDS if not measurable(threshold, examples)]
    named = ", ".join(f"{threshold:.2f} (needs {examples_needed(threshold)})" for threshold in lacking)
    return f"reach {named}" if named else ""


def reach(lengths: Sequence[int], lower_bounds: Sequence[float], threshold: float) -> int | None:
    """Reach: the longest length up to which every lower bound, from the shortest length on, is at least a threshold.

    Args:
        lengths: distinct lengths in any order.
        lower_bounds: lower confidence bound of exact match at each length.
        threshold: the required lower bound.

    Returns:
        One of the lengths; None if the shortest one is below the threshold.

    >>> reach([5, 10, 20, 40], [0.99, 0.95, 0.50, 0.97], 0.90)
    10
    """
    order = np.argsort(lengths)
    holds = np.asarray(lower_bounds, dtype=float)[order] >= threshold
    held = int(np.logical_and.accumulate(holds).sum())
    return int(np.asarray(lengths)[order][held - 1]) if held else None


def wilson(correct: int, examples: int, confidence: float = 0.95) -> tuple[float, float]:
    """Score interval of a proportion (Wilson 1927): narrower than the exact one, with the right coverage on average only.

    Args:
        correct: number of successes.
        examples: number of trials, at least 1.
        confidence: coverage, in (0, 1).

    Returns:
        Lower and upper bound of the proportion.

    Raises:
        ValueError: there are more successes than trials, or no trials.

    >>> [round(bound, 3) for bound in wilson(5, 5)]
    [0.566, 1.0]
    """
    from scipy.stats import binomtest  # half a second, and few commands need it

    _check_count(correct, examples)
    interval = binomtest(correct, examples).proportion_ci(confidence, method="wilson")
    return float(interval.low), float(interval.high)


@dataclass(frozen=True)
class Rate:
    """A proportion of seeds with its exact interval (Clopper and Pearson 1934).

    Args:
        successes: number of seeds that succeeded.
        tried: number of all seeds, including those that diverged.
        low: lower bound of the proportion.
        high: upper bound of the proportion.
    """

    successes: int
    tried: int
    low: float
    high: float

    @property
    def share(self) -> float:
        """The proportion of successes."""
        return self.successes / self.tried


def success_rate(scores: Sequence[float], threshold: float, confidence: float = 0.95) -> Rate:
    """Proportion of seeds whose score is at least a threshold; NaN counts as a failure.

    Raises:
        ValueError: there are no seeds.

    >>> rate = success_rate([1.0, 0.97, 0.2], 0.9)
    >>> rate.successes, rate.tried, round(rate.low, 2), round(rate.high, 2)
    (2, 3, 0.09, 0.99)
    """
    successes = int((np.asarray(scores, dtype=float) >= threshold).sum())
    return Rate(successes, len(scores), *clopper_pearson(successes, len(scores), confidence))


def _check_count(correct: int, examples: int) -> None:
    """Check a number of successes and of trials.

    Raises:
        ValueError: there are more successes than trials, or no trials.
    """
    if not 0 <= correct <= examples or examples < 1:
        raise ValueError(f"{correct} of {examples}: must be 0 to all of at least one example")
