"""Test of two counts of successes among seeds: Boschloo's unconditional exact test."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy.stats import binom, hypergeom

from lengen.statistics.estimates import Floats

GRID = 2001
"""Number of success probabilities at which the test's size is computed; the maximum is then off by less than 1e-5 of itself."""
BLOCK = 200
"""Number of them at a time."""


def boschloo(successes: int, seeds: int, other_successes: int, other_seeds: int) -> float:
    """Return the two-sided p-value that two cells succeed with one probability (Boschloo 1970).

    It is twice the lesser of the one-sided p-values, as in `scipy.stats.boschloo_exact`, but from a table of all outcomes, which
    is computed once for two numbers of seeds: power and adjustment for many pairs need them all. Assumption: seeds are
    independent.

    Raises:
        ValueError: there are more successes than seeds, or no seeds.

    >>> round(boschloo(3, 3, 0, 3), 5)
    0.03125
    """
    if not (0 <= successes <= seeds and 0 <= other_successes <= other_seeds and seeds and other_seeds):
        raise ValueError(
            f"{successes} of {seeds} and {other_successes} of {other_seeds}: must be 0 to all of the seeds"
        )
    return float(boschloo_table(seeds, other_seeds)[successes, other_successes])


@lru_cache(maxsize=256)
def boschloo_table(seeds: int, other_seeds: int) -> Floats:
    """Return the two-sided p-values of all outcomes: (seeds + 1) x (other seeds + 1), read-only."""
    one_sided = _one_sided(seeds, other_seeds), _one_sided(other_seeds, seeds).T
    table: Floats = np.minimum(1.0, 2 * np.minimum(*one_sided))
    table.setflags(write=False)
    return table


def least_boschloo(successes: int, seeds: int, other_seeds: int) -> float:
    """Return the least p-value among the outcomes of two cells with a given number of successes in all.

    >>> least_boschloo(0, 5, 5), round(least_boschloo(5, 5, 5), 4)
    (1.0, 0.002)
    """
    table = boschloo_table(seeds, other_seeds)
    places = range(max(0, successes - other_seeds), min(seeds, successes) + 1)
    return float(min(table[place, successes - place] for place in places))


@lru_cache(maxsize=256)
def _one_sided(seeds: int, other_seeds: int) -> Floats:
    """Return the p-values against "the first succeeds less often": the greatest size of Fisher's test over probabilities."""
    first, second = np.arange(seeds + 1)[:, None], np.arange(other_seeds + 1)[None, :]
    fisher = np.asarray(hypergeom.cdf(first, seeds + other_seeds, first + second, seeds))
    order = np.argsort(fisher, axis=None)
    last = np.searchsorted(fisher.ravel()[order], fisher * (1 + 1e-13), side="right") - 1
    largest = np.zeros(fisher.size)
    for rates in np.array_split(np.linspace(0, 1, GRID), -(-GRID // BLOCK)):
        chances = binom.pmf(first[..., None], seeds, rates) * binom.pmf(second[..., None], other_seeds, rates)
        sizes = np.asarray(chances).reshape(fisher.size, -1)[order].cumsum(axis=0).max(axis=1)
        largest = np.maximum(largest, sizes)
    table: Floats = np.minimum(largest, 1.0)[last]
    return table
