"""All pairs of up to 12 cells: a closed permutation test over the subsets of the cells."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import combinations

import numpy as np
import numpy.typing as npt

from lengen.statistics.estimates import TOLERANCE, Floats
from lengen.statistics.permutation import LEAST_ERROR, permutation_tests

MOST_CELLS = 12
"""Up to this many cells every subset is tested: 4,083 of them."""
PERMUTATIONS = 9_999
"""Number of random permutations of the seeds of a subset of three or more cells, if no other is given."""
PAIR = 2
BLOCK = 100
"""Number of them at a time."""

Subset = tuple[int, ...]


def closed_test(
    cells: Iterable[npt.ArrayLike],
    pair_p_values: Mapping[tuple[int, int], float] | None = None,
    permutations: int = PERMUTATIONS,
) -> Floats:
    """Return p-values of all pairs of cells, adjusted so that any false claim has at most the nominal probability.

    A pair differs at level alpha if every subset S of the k cells that holds it has p(S) <= alpha |S| / k, or alpha if S has k - 1
    cells or more (Ryan 1960, Einot and Gabriel 1975; closure by Begun and Gabriel 1981). The statistic of S is its largest less
    its smallest mean, with all seeds of S permuted; if the numbers of seeds in S differ, it is the largest difference in units of
    Welch's standard error. A pair is tested exactly (`permutation.permutation_test`), other subsets by fixed random permutations.
    Assumption: seeds are independent. The null hypothesis of S is that its cells have one distribution.

    Args:
        cells: for each of 2 to 12 cells one score per seed.
        pair_p_values: for each pair (first index below the second) its p-value where it is known, by the permutation test or by
            another test of the same hypothesis.
        permutations: number of permutations of the seeds of a subset of three or more cells.

    Returns:
        cells x cells, symmetric, 1 on the diagonal: for each pair the largest p(S) k / |S| of its subsets, at most 1.

    Raises:
        ValueError: there are fewer than 2 or more than 12 cells, or a cell has no seeds.

    >>> closed_test([[0.1, 0.2, 0.3, 0.4], [0.5, 0.6, 0.7, 0.8]]).round(4).tolist()
    [[1.0, 0.0286], [0.0286, 1.0]]
    """
    scores = [np.asarray(cell, dtype=float) for cell in cells]
    if not PAIR <= len(scores) <= MOST_CELLS:
        raise ValueError(f"a closed test needs 2 to {MOST_CELLS} cells, got {len(scores)}")
    adjusted = np.zeros((len(scores), len(scores)))
    for subset, p_value in subset_p_values(scores, pair_p_values, permutations):
        factor = 1.0 if len(subset) >= len(scores) - 1 else len(scores) / len(subset)
        block = np.ix_(subset, subset)
        adjusted[block] = np.maximum(adjusted[block], min(1.0, p_value * factor))
    np.fill_diagonal(adjusted, 1.0)
    return adjusted


def subset_p_values(
    scores: Sequence[Floats],
    pair_p_values: Mapping[tuple[int, int], float] | None = None,
    permutations: int = PERMUTATIONS,
) -> Iterator[tuple[Subset, float]]:
    """Yield every subset of at least two cells with its p-value; those of pairs are computed unless they are given."""
    pairs = list(combinations(range(len(scores)), 2))
    if pair_p_values is None:
        tests = permutation_tests(scores, pairs)
        pair_p_values = {pair: test.p_value for pair, test in zip(pairs, tests, strict=True)}
    for pair in pairs:
        yield pair, pair_p_values[pair]
    alike: dict[tuple[int, ...], list[Subset]] = defaultdict(list)
    order = sorted(
        range(len(scores)), key=lambda cell: len(scores[cell])
    )  # so that few tuples of numbers of seeds occur
    for size in range(3, len(scores) + 1):
        for subset in combinations(order, size):
            alike[tuple(len(scores[cell]) for cell in subset)].append(subset)
    for seeds, subsets in alike.items():
        pooled = np.array([np.concatenate([scores[cell] for cell in subset]) for subset in subsets]).T
        yield from zip(subsets, _p_values(seeds, pooled, permutations), strict=True)


def panel_p_value(cells: Iterable[npt.ArrayLike], permutations: int = PERMUTATIONS) -> float:
    """Return the p-value that all of at least three cells have one distribution; above the level, no pair of them is claimed."""
    scores = [np.asarray(cell, dtype=float) for cell in cells]
    return _p_values(tuple(map(len, scores)), np.concatenate(scores)[:, None], permutations)[0]


def _p_values(seeds: tuple[int, ...], pooled: Floats, permutations: int) -> list[float]:
    """Return the p-values of subsets with the same numbers of seeds: scores are seeds x subsets.

    Subsets with the same scores, as numbers of successes often have, are tested once.
    """
    pooled, places = np.unique(pooled, axis=1, return_inverse=True)
    statistic = _range if len(set(seeds)) == 1 else _largest_welch
    groups = np.repeat(np.arange(len(seeds), dtype=np.int16), seeds)
    pooled = pooled - pooled.mean(axis=0)
    observed = statistic(_members(groups[None], len(seeds)), pooled, seeds)[0]
    needed = observed - TOLERANCE * np.maximum(1.0, observed)
    hits = np.ones(pooled.shape[1])
    orders = _orders(len(groups), permutations)
    for start in range(0, permutations, BLOCK):
        members = _members(groups[orders[start : start + BLOCK]], len(seeds))
        hits += (statistic(members, pooled, seeds) >= needed).sum(axis=0)
    p_values: list[float] = (hits / (1 + permutations))[places.reshape(-1)].tolist()
    return p_values


@lru_cache(maxsize=8)
def _orders(total: int, permutations: int) -> npt.NDArray[np.int16]:
    """Return fixed random orders of the seeds of a subset: permutations x seeds, in the smallest type, since they are kept."""
    return np.random.default_rng(total).random((permutations, total)).argsort(axis=1).astype(np.int16)


def _members(groups: npt.NDArray[np.int16], cells: int) -> Floats:
    """Return 1 where a seed is assigned to a cell: (permutations x cells) x seeds."""
    every = np.arange(cells, dtype=np.int16)
    members: Floats = (groups[:, None, :] == every[None, :, None]).astype(float)
    return members.reshape(-1, groups.shape[1])


def _means(members: Floats, values: Floats, seeds: tuple[int, ...]) -> Floats:
    """Return the mean of each cell: permutations x cells x subsets."""
    means: Floats = (members @ values).reshape(-1, len(seeds), values.shape[1])
    return np.asarray(means / np.asarray(seeds, dtype=float)[None, :, None])


def _range(members: Floats, values: Floats, seeds: tuple[int, ...]) -> Floats:
    """Return the largest less the smallest mean: permutations x subsets."""
    means = _means(members, values, seeds)
    extent: Floats = means.max(axis=1) - means.min(axis=1)
    return extent


def _largest_welch(members: Floats, values: Floats, seeds: tuple[int, ...]) -> Floats:
    """Return the largest difference of two means in units of Welch's standard error: permutations x subsets."""
    means = _means(members, values, seeds)
    squares = np.maximum(_means(members, values**2, seeds) - means**2, 0.0)
    errors = squares / np.maximum(np.asarray(seeds, dtype=float) - 1, 1)[None, :, None]
    largest = np.zeros((len(means), values.shape[1]))
    for one, two in combinations(range(len(seeds)), 2):
        error = np.maximum(np.sqrt(errors[:, one] + errors[:, two]), LEAST_ERROR)
        np.maximum(largest, np.abs(means[:, one] - means[:, two]) / error, out=largest)
    return largest
