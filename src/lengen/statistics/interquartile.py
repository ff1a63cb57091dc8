"""Interquartile mean with an interval that holds for few seeds: a description, on which no claim is made."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lengen.statistics.estimates import Estimate, Floats, no_interval, unit_scores
from lengen.statistics.resampling import interquartile_mean
from lengen.statistics.simplex import SEEDS_OF_A_RANK, simplex_weights


def interquartile_interval(scores: npt.ArrayLike, confidence: float = 0.95) -> Estimate:
    """Return the interquartile mean (Agarwal et al. 2021) with an interval by weights uniform on the simplex.

    As in `simplex.mean_interval`, one more seed has score 0 for the lower and 1 for the upper bound; the bounds are quantiles of
    the weighted interquartile mean over 4,000 fixed draws. All scores of a seed share its weight.

    Args:
        scores: one score per seed, or seeds x lengths; in [0, 1].
        confidence: coverage, in (0, 1).

    Returns:
        The interquartile mean of all scores; without an interval for fewer than five seeds.

    >>> interquartile_interval([[1.0, 0.5, 0.5, 0.0]]).note
    '1 seed: no interval below 5'
    """
    values = unit_scores(scores)
    values = values.reshape(len(values), -1)
    estimate = interquartile_mean(values)
    if len(values) < SEEDS_OF_A_RANK:
        return no_interval(estimate, len(values), SEEDS_OF_A_RANK)
    weights = np.repeat(simplex_weights(len(values)), values.shape[1], axis=1) / values.shape[1]
    tail = (1 - confidence) / 2
    low = np.quantile(_weighted(np.vstack([values, np.zeros(values.shape[1])]), weights), tail)
    high = np.quantile(_weighted(np.vstack([values, np.ones(values.shape[1])]), weights), 1 - tail)
    return Estimate(estimate, min(float(low), estimate), max(float(high), estimate))


def _weighted(values: Floats, weights: Floats) -> Floats:
    """Return the mean of the middle half of a weighted distribution, for each row of weights (draws x values)."""
    order = np.argsort(values, axis=None)
    up_to = np.clip(np.cumsum(weights[:, order], axis=1), 0.25, 0.75)
    means: Floats = 2 * np.diff(up_to, axis=1, prepend=0.25) @ values.ravel()[order]
    return means
