"""What a study can show: power of the tests for given numbers of seeds, and seeds for a given power."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from math import ceil, comb

import numpy as np
import numpy.typing as npt
from scipy.stats import binom, hypergeom, norm

from lengen.statistics.counts import boschloo_table
from lengen.statistics.estimates import TOLERANCE, Floats
from lengen.statistics.permutation import chosen_seeds, least_p_value
from lengen.statistics.seed_kinds import two_modes

POWER = 0.8
"""The power for which seeds are counted."""
MOST_SEEDS = 40
"""Most seeds that are tried."""
LIMIT = 13_000
"""Up to this many assignments all are taken: 8 seeds against 8."""
DRAWN = 1_999
"""Number of random assignments where there are more."""

Scores = npt.NDArray[np.float64]


def counts_power(seeds: int, rate: float, other_rate: float, alpha: float = 0.05) -> float:
    """Return the exact power of Boschloo's test of success counts, by summing over both binomial distributions.

    >>> round(counts_power(5, 0.1, 0.9), 2)
    0.74
    """
    return _power_of(boschloo_table(seeds, seeds), seeds, rate, other_rate, alpha)


def step_power(seeds: int, rate: float, other_rate: float, alpha: float = 0.05) -> float:
    """Return the exact power of the permutation test where every area is 0 or 1.

    >>> round(step_power(7, 0.1, 0.9), 2)
    0.84
    """
    return _power_of(_step_table(seeds), seeds, rate, other_rate, alpha)


def areas_power(
    seeds: int, rate: float, other_rate: float, alpha: float = 0.05, studies: int = 1000, seed: int = 0
) -> float:
    """Return the power of the permutation test of areas, by simulation of two modes.

    A share `rate` of the seeds works, with areas from Beta(40, 1); the others fail, with areas from Beta(1, 15).

    Args:
        seeds: seeds of each cell.
        rate: share of seeds that work in one cell.
        other_rate: share of seeds that work in the other cell.
        alpha: level of the test.
        studies: number of simulated studies; the power has a standard error of at most 0.5 / sqrt(studies).
        seed: seed of the simulation.
    """
    return float((_two_mode_p_values(seeds, rate, other_rate, studies, seed) <= alpha + TOLERANCE).mean())


def redraw_power(
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    seeds: int,
    alpha: float = 0.05,
    studies: int = 1000,
    seed: int = 0,
) -> float:
    """Return the power of the permutation test at a number of seeds, if the observed seeds are typical.

    Seeds of both cells are redrawn with replacement. It plans the next study and is no evidence about this one (Hoenig and Heisey
    2001); with five seeds it is rough.
    """
    generator = np.random.default_rng([seed, seeds])
    cells = [
        generator.choice(np.asarray(scores, dtype=float), (studies, seeds)) for scores in (first, second)
    ]
    return float((permutation_p_values(*cells) <= alpha + TOLERANCE).mean())


def redraw_seeds(
    first: npt.ArrayLike, second: npt.ArrayLike, alpha: float = 0.05, power: float = POWER
) -> int | None:
    """Return about how many seeds of each cell would show a difference like the observed one; None if more than 40.

    >>> redraw_seeds([0.9, 0.95, 1.0], [0.1, 0.2, 0.15])
    4
    """
    tried = range(4, MOST_SEEDS + 1)
    return next((seeds for seeds in tried if redraw_power(first, second, seeds, alpha, 500) >= power), None)


def seeds_for_power(power_at: Callable[[int], float], power: float = POWER) -> int | None:
    """Return the least number of seeds from which on a power is held; None if it is not held at 40.

    Power does not always rise with seeds: that of Boschloo's test for rates 0 and 0.5 is 0.83 at 10, 0.73 at 11, 0.93 at 12.

    >>> seeds_for_power(lambda seeds: counts_power(seeds, 0.0, 0.5))
    12
    """
    held = None
    for seeds in range(MOST_SEEDS, 1, -1):
        if power_at(seeds) < power:
            break
        held = seeds
    return held


def least_areas_p_value(seeds: int) -> float:
    """Return the least p-value of the permutation test of two cells of so many seeds each."""
    return least_p_value(seeds, seeds)


def least_counts_p_value(seeds: int) -> float:
    """Return the least p-value of Boschloo's test of two cells of so many seeds each.

    >>> [round(least_counts_p_value(seeds), 3) for seeds in (2, 3, 4)]
    [0.125, 0.031, 0.008]
    """
    return float(boschloo_table(seeds, seeds).min())


def seeds_for_level(level: float, least_p: Callable[[int], float] = least_areas_p_value) -> int | None:
    """Return the least number of seeds of each cell with which a test can reach a level; None if none up to 40 can.

    >>> [seeds_for_level(level) for level in (0.05, 0.01, 0.05 / 45, 1e-6)]
    [4, 5, 7, None]
    """
    tried = range(1, MOST_SEEDS + 1)
    return next((seeds for seeds in tried if least_p(seeds) <= level + TOLERANCE), None)


def seeds_for_narrow(effect: float, alpha: float = 0.05) -> int | None:
    """Return the seeds of each cell for power 0.8 where seeds have one mode, by a normal formula; None if none can.

    Measured power is 0.74 to 0.86; from an effect of 2 on one more seed is safe.

    Args:
        effect: difference of the means in units of the standard deviation between seeds, above 0.
        alpha: level of the test.

    >>> [seeds_for_narrow(effect) for effect in (1, 1.5, 2, 3)]
    [17, 8, 5, 4]
    """
    normal = float(norm.isf(alpha / 2))
    least = seeds_for_level(alpha)
    if least is None:
        return None
    return max(least, ceil(2 * (normal + float(norm.ppf(POWER))) ** 2 / effect**2 + normal**2 / 4))


def permutation_p_values(first: Scores, second: Scores) -> Floats:
    """Return the p-values of many studies of two cells with equal numbers of seeds: scores are studies x seeds.

    All assignments are taken up to 8 seeds, else 1,999 random ones and the observed one.
    """
    signs, drawn = _signs(first.shape[1])
    p_values = []
    for start in range(0, len(first), 100):
        pooled = np.concatenate([first[start : start + 100], second[start : start + 100]], axis=1)
        observed = np.abs(first[start : start + 100].sum(axis=1) - second[start : start + 100].sum(axis=1))
        hits = (np.abs(signs @ pooled.T) >= observed - TOLERANCE).sum(axis=0)
        p_values.append((hits + drawn) / (len(signs) + drawn))
    return np.concatenate(p_values)


@lru_cache(maxsize=64)
def _two_mode_p_values(seeds: int, rate: float, other_rate: float, studies: int, seed: int) -> Floats:
    """Return the p-values of simulated studies of two cells whose areas have two modes."""
    generator = np.random.default_rng([seed, seeds])
    cells = [two_modes(share).draw(generator, (studies, seeds)) for share in (rate, other_rate)]
    return permutation_p_values(*cells)


@lru_cache(maxsize=64)
def _signs(seeds: int) -> tuple[Floats, int]:
    """Return 1 where a seed is assigned to the first cell and else -1: assignments x seeds; and 1 if they are drawn."""
    if comb(2 * seeds, seeds) <= LIMIT:
        chosen = chosen_seeds(seeds, seeds)
        signs = -np.ones((len(chosen), 2 * seeds))
        np.put_along_axis(signs, chosen.astype(np.int64), 1.0, axis=1)
        return signs, 0
    order = np.random.default_rng(seeds).random((DRAWN, 2 * seeds)).argsort(axis=1)
    return np.where(order < seeds, 1.0, -1.0), 1


@lru_cache(maxsize=256)
def _step_table(seeds: int) -> Floats:
    """Return the p-values of the permutation test of 0/1 scores: successes of one cell x successes of the other."""
    first, second = np.indices((seeds + 1, seeds + 1))
    total, size = first + second, np.abs(first - second)
    table = np.zeros((seeds + 1, seeds + 1))
    for place in range(seeds + 1):
        counted = np.abs(2 * place - total) >= size
        table += np.where(counted, hypergeom.pmf(place, 2 * seeds, total, seeds), 0.0)
    return table


def _power_of(table: Floats, seeds: int, rate: float, other_rate: float, alpha: float) -> float:
    """Return the probability of the outcomes with a p-value of at most alpha."""
    places = np.arange(seeds + 1)
    chances = np.outer(binom.pmf(places, seeds, rate), binom.pmf(places, seeds, other_rate))
    return float(chances[table <= alpha + TOLERANCE].sum())
