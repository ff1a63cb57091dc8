"""Confidence bounds of a mean of scores in [0, 1] from few seeds, whatever their distribution (Gaffke 2005)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq

from lengen.statistics.estimates import Estimate, Floats, no_interval, unit_scores
from lengen.statistics.strings import half_width

SEEDS_OF_A_MEAN = 3
"""Below this many seeds a mean has no interval: with two it would span 0.87 of the scale."""
SEEDS_OF_A_RANK = 5
"""Below this many seeds quantities that depend on order have no interval."""
DRAWS = 4000
"""Number of weightings of the seeds, where they are drawn."""


def mean_interval(scores: npt.ArrayLike, confidence: float = 0.95, string_error: float = 0.0) -> Estimate:
    """Return the mean over seeds with the interval of Gaffke 2005, from three seeds on.

    The bounds are quantiles of the weighted mean of the sorted scores and one more score, 0 for the lower and 1 for the upper
    bound, under weights uniform on the simplex (Learned-Miller and Thomas 2020). Assumption: seeds are independent draws in
    [0, 1]. For scores of 0 and 1 the interval equals Clopper and Pearson's; that it covers for all distributions is conjectured.

    Args:
        scores: one score per seed, in [0, 1].
        confidence: coverage, in (0, 1).
        string_error: standard error of the mean from the draw of test strings (`strings.standard_error`); widens the interval
            in quadrature.

    Returns:
        The mean; without an interval for fewer than three seeds.

    Raises:
        ValueError: there are no seeds, or a score is outside [0, 1].

    >>> [round(number, 3) for number in mean_interval([1.0, 1.0, 1.0, 1.0, 1.0])[:3]]
    [1.0, 0.478, 1.0]
    """
    values = unit_scores(scores)
    if not values.size:
        raise ValueError("a mean needs at least one seed")
    mean = float(values.mean())
    if len(values) < SEEDS_OF_A_MEAN:
        return no_interval(mean, len(values), SEEDS_OF_A_MEAN)
    tail = (1 - confidence) / 2
    low, high = lower_bound(values, tail), 1 - lower_bound(1 - values, tail)
    return Estimate(mean, *_widen(mean, min(low, mean), max(high, mean), confidence, string_error))


def lower_bound(scores: npt.ArrayLike, tail: float = 0.025) -> float:
    """Return the lower bound of Gaffke 2005 for the mean: a quantile of w . (0, scores), w uniform on the simplex.

    Args:
        scores: one score per seed, in [0, 1].
        tail: probability that the bound lies above the mean, in (0, 1).
    """
    return _lower_bound((0.0, *sorted(np.asarray(scores, dtype=float).tolist())), tail)


@lru_cache(maxsize=1024)
def _lower_bound(values: tuple[float, ...], tail: float) -> float:
    """Compute `lower_bound`; a cell's bound serves all its pairs."""
    if values[-1] == 0:
        return 0.0
    return float(brentq(lambda at: weighted_mean_cdf(values, at) - tail, 0.0, values[-1], xtol=1e-12))


def weighted_mean_cdf(values: Sequence[float], at: float) -> float:
    """Return the probability that w . values <= at for weights w uniform on the simplex.

    With w proportional to independent exponential variables it is the probability that a chain of exponential stages of means
    v - at (of the values above) ends before one of means at - v (of the values below). P(i, j), of stages i and j on, is
    [b_j P(i+1, j) + a_i P(i, j+1)] / (a_i + b_j); all terms are positive, and ties are allowed.

    >>> weighted_mean_cdf([0.0, 1.0], 0.25)
    0.25
    """
    above = [value - at for value in values if value > at]
    below = [at - value for value in values if value < at]
    row = [1.0] * len(below)
    for a in above:
        behind = 0.0
        for j in range(len(below) - 1, -1, -1):
            behind = row[j] = (below[j] * row[j] + a * behind) / (a + below[j])
    return row[0] if below else float(not above)


@lru_cache(maxsize=64)
def simplex_weights(seeds: int, stream: int = 0) -> Floats:
    """Return fixed weightings of seeds and one ghost seed, uniform on the simplex: draws x (seeds + 1).

    Args:
        seeds: number of seeds.
        stream: which of several independent sets of draws.
    """
    weights = np.random.default_rng([stream, seeds]).dirichlet(np.ones(seeds + 1), DRAWS)
    weights.setflags(write=False)
    return weights


def _widen(
    mean: float, low: float, high: float, confidence: float, string_error: float
) -> tuple[float, float]:
    """Add the error of the test strings to an interval, in quadrature."""
    extra = half_width(string_error, confidence)
    return max(0.0, mean - float(np.hypot(mean - low, extra))), min(
        1.0, mean + float(np.hypot(high - mean, extra))
    )
