"""Permutation tests: of the difference between two cells' means, and of the mean of paired changes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
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
SIGN_FLIPS = 2**14
"""Number of sign flips at most."""
BLOCK = 10_000
"""Number of assignments at a time."""
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
    return permutation_tests([first, second], [(0, 1)])[0]


def permutation_tests(
    cells: Iterable[npt.ArrayLike], pairs: Sequence[tuple[int, int]]
) -> list[PermutationTest]:
    """Return `permutation_test` of some pairs of cells. Pairs with the same numbers of seeds share their assignments.

    Args:
        cells: for each cell one score per seed.
        pairs: indices of the cells that are compared.

    Raises:
        ValueError: a cell of a pair has no seeds, or a score is not finite.
    """
    scores = [np.sort(np.asarray(cell, dtype=float)) for cell in cells]
    alike: dict[tuple[int, int], list[int]] = defaultdict(list)
    for place, pair in enumerate(pairs):
        if not all(scores[cell].size and np.isfinite(scores[cell]).all() for cell in pair):
            raise ValueError("both cells need at least one seed and finite scores")
        alike[len(scores[pair[0]]), len(scores[pair[1]])].append(place)
    tests: dict[int, PermutationTest] = {}
    for sizes, places in alike.items():
        sides = [np.stack([scores[pairs[place][side]] for place in places]) for side in (0, 1)]
        hits = _hits(*sides) if sizes[0] == sizes[1] else _studentised_hits(*sides)
        exact = comb(sum(sizes), sizes[0]) <= MOST_ASSIGNMENTS
        total = len(chosen_seeds(*sizes)) + (not exact)
        for place, found in zip(places, hits, strict=True):
            tests[place] = PermutationTest((found + (not exact)) / total, total, exact)
    return [tests[place] for place in range(len(pairs))]


def least_p_value(first: int, second: int) -> float:
    """Return the least p-value that a permutation test can give for two numbers of seeds.

    >>> [round(least_p_value(seeds, seeds), 4) for seeds in (3, 4, 5)]
    [0.1, 0.0286, 0.0079]
    """
    total = comb(first + second, first)
    least = min(1.0, (2 if first == second else 1) / total)
    return max(least, 1 / (1 + RANDOM_ASSIGNMENTS)) if total > MOST_ASSIGNMENTS else least


def sign_flip_test(changes: Sequence[float]) -> float | None:
    """Return the two-sided p-value that the mean of paired changes is 0, if each is as often up as down (Fisher 1935).

    All signs are taken up to 14 changes, else 16,384 fixed random ones. Assumption: changes are symmetric and independent.

    Args:
        changes: one per seed.

    Returns:
        None for a single seed, whose p-value is 1 whatever it is.

    >>> sign_flip_test([0.1, 0.2, 0.1, 0.3, 0.2])
    0.0625
    """
    from scipy.stats import permutation_test as test

    if len(changes) < 2:  # noqa: PLR2004
        return None
    found = test((changes,), np.mean, permutation_type="samples", n_resamples=SIGN_FLIPS, rng=0)
    return float(found.pvalue)


@lru_cache(maxsize=16)
def chosen_seeds(first: int, second: int) -> Indices:
    """Return the seeds of the first cell in every assignment: assignments x seeds."""
    total = first + second
    count = comb(total, first)
    if count <= MOST_ASSIGNMENTS:
        flat = np.fromiter(chain.from_iterable(combinations(range(total), first)), np.int16, count * first)
        return flat.reshape(count, first)
    keys = np.random.default_rng([first, second]).random((RANDOM_ASSIGNMENTS, total), dtype=np.float32)
    return np.sort(np.argpartition(keys, first - 1, axis=1)[:, :first], axis=1).astype(np.int16)


@lru_cache(maxsize=16)
def assignments(first: int, second: int) -> tuple[Indices, Indices]:
    """Return the seeds of each cell in every assignment: assignments x seeds of the first, and of the second."""
    chosen = chosen_seeds(first, second)
    taken = np.zeros((len(chosen), first + second), dtype=bool)
    np.put_along_axis(taken, chosen.astype(np.int64), values=True, axis=1)
    others = np.nonzero(~taken)[1].reshape(len(chosen), second).astype(np.int16)
    return chosen, others


def _hits(first: Floats, second: Floats) -> list[int]:
    """Count, for each pair (pairs x seeds), the assignments whose difference of means is at least the observed one."""
    seeds = first.shape[1]
    observed = np.abs(first.mean(axis=1) - second.mean(axis=1))
    needed = observed - TOLERANCE * np.maximum(1.0, observed)
    pooled = np.sort(np.concatenate([first, second], axis=1), axis=1).T
    hits = np.zeros(len(first), dtype=np.int64)
    chosen = chosen_seeds(seeds, seeds)
    for start in range(0, len(chosen), BLOCK):
        block = chosen[start : start + BLOCK].astype(np.int64)
        members = np.zeros((len(block), 2 * seeds))
        np.put_along_axis(members, block, 1.0, axis=1)
        hits += (np.abs(2 * (members @ pooled) - pooled.sum(axis=0)) / seeds >= needed).sum(axis=0)
    counted: list[int] = hits.tolist()
    return counted


def _studentised_hits(first: Floats, second: Floats) -> list[int]:
    """Count the same for unequal numbers of seeds, where a difference is in units of Welch's standard error."""
    chosen, others = assignments(first.shape[1], second.shape[1])
    hits = []
    for ours, theirs in zip(first, second, strict=True):
        pooled = np.sort(
            np.concatenate([ours, theirs])
        )  # equal assignments get equal numbers, to the last bit
        observed = float(_studentised(ours[None], theirs[None])[0])
        needed = observed - TOLERANCE * max(1.0, observed)
        hits.append(int((_studentised(pooled[chosen], pooled[others]) >= needed).sum()))
    return hits


def _studentised(first: Floats, second: Floats) -> Floats:
    """Return the size of the difference of means over the last axis, in units of Welch's standard error."""
    means = first.mean(axis=-1), second.mean(axis=-1)
    difference: Floats = np.abs(means[0] - means[1])
    squares = [
        ((group - mean[..., None]) ** 2).sum(axis=-1) / (max(group.shape[-1] - 1, 1) * group.shape[-1])
        for group, mean in zip((first, second), means, strict=True)
    ]
    studentised: Floats = difference / np.maximum(np.sqrt(squares[0] + squares[1]), LEAST_ERROR)
    return studentised
