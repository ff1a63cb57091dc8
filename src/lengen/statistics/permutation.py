"""Permutation test of the difference between two cells' means."""

from __future__ import annotations

from functools import lru_cache
from itertools import chain, combinations
from math import comb
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lengen.statistics.estimates import TOLERANCE, Floats

MOST_ASSIGNMENTS = 200_000
"""Up to this many assignments of seeds to cells, all are taken: 10 seeds against 10 have 184,756."""
RANDOM_ASSIGNMENTS = 100_000
"""Number of random assignments where there are more."""
LEAST_ERROR = 1e-6
"""Least standard error by which a difference is divided."""

Indices = npt.NDArray[np.int16]


class PermutationTest(NamedTuple):
    """Result of a permutation test.

    Args:
        p_value: two-sided p-value.
        assignments: number of assignments that were compared, the observed one included.
        exact: whether they are all that there are.
    """

    p_value: float
    assignments: int
    exact: bool


def permutation_test(first: npt.ArrayLike, second: npt.ArrayLike) -> PermutationTest:
    """Test that two cells' seeds have one distribution, by the difference of their means (Fisher 1935, Pitman 1937).

    With unequal numbers of seeds the difference is divided by Welch's standard error (Janssen 1997); with equal numbers that
    changes no p-value. All assignments are taken up to 200,000, else 100,000 fixed random ones and the observed one, with
    p = (1 + hits) / (1 + draws) (Phipson and Smyth 2010). Assumption: seeds are independent.

    Args:
        first: one score per seed of one cell.
        second: the same of the other cell.

    Raises:
        ValueError: a cell has no seeds, or a score is not finite.

    >>> permutation_test([0.1, 0.2, 0.3, 0.4], [0.5, 0.6, 0.7, 0.8])
    PermutationTest(p_value=0.02857142857142857, assignments=70, exact=True)
    """
    ours, theirs = np.sort(np.asarray(first, dtype=float)), np.sort(np.asarray(second, dtype=float))
    if not (ours.size and theirs.size and np.isfinite(ours).all() and np.isfinite(theirs).all()):
        raise ValueError("both cells need at least one seed and finite scores")
    chosen, others = assignments(len(ours), len(theirs))
    pooled = np.sort(np.concatenate([ours, theirs]))  # equal assignments get equal numbers, to the last bit
    statistic = _statistic(pooled[chosen], pooled[others])
    observed = float(_statistic(ours[None], theirs[None])[0])
    hits = int((statistic >= observed - TOLERANCE * max(1.0, observed)).sum())
    if comb(len(pooled), len(ours)) <= MOST_ASSIGNMENTS:
        return PermutationTest(hits / len(chosen), len(chosen), exact=True)
    return PermutationTest((1 + hits) / (1 + len(chosen)), 1 + len(chosen), exact=False)


def least_p_value(first: int, second: int) -> float:
    """Return the least p-value that a permutation test can give for two numbers of seeds.

    >>> [round(least_p_value(seeds, seeds), 4) for seeds in (3, 4, 5)]
    [0.1, 0.0286, 0.0079]
    """
    total = comb(first + second, first)
    least = min(1.0, (2 if first == second else 1) / total)
    return max(least, 1 / (1 + RANDOM_ASSIGNMENTS)) if total > MOST_ASSIGNMENTS else least


@lru_cache(maxsize=16)
def assignments(first: int, second: int) -> tuple[Indices, Indices]:
    """Return the seeds of each cell in every assignment: assignments x seeds of the first, and of the second."""
    total = first + second
    count = comb(total, first)
    if count <= MOST_ASSIGNMENTS:
        flat = np.fromiter(chain.from_iterable(combinations(range(total), first)), np.int16, count * first)
        chosen = flat.reshape(count, first)
    else:
        keys = np.random.default_rng([first, second]).random((RANDOM_ASSIGNMENTS, total), dtype=np.float32)
        chosen = np.sort(np.argpartition(keys, first - 1, axis=1)[:, :first], axis=1).astype(np.int16)
    taken = np.zeros((len(chosen), total), dtype=bool)
    np.put_along_axis(taken, chosen.astype(np.int64), values=True, axis=1)
    others = np.nonzero(~taken)[1].reshape(len(chosen), second).astype(np.int16)
    return chosen, others


def _statistic(first: Floats, second: Floats) -> Floats:
    """Return the size of the difference of means over the last axis, studentised if the numbers of seeds differ."""
    means = first.mean(axis=-1), second.mean(axis=-1)
    difference: Floats = np.abs(means[0] - means[1])
    if first.shape[-1] == second.shape[-1]:
        return difference
    squares = [
        ((group - mean[..., None]) ** 2).sum(axis=-1) / (max(group.shape[-1] - 1, 1) * group.shape[-1])
        for group, mean in zip((first, second), means, strict=True)
    ]
    studentised: Floats = difference / np.maximum(np.sqrt(squares[0] + squares[1]), LEAST_ERROR)
    return studentised
