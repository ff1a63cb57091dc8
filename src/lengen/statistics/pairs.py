"""Tests of all pairs of a panel, or of every cell against one control, with p-values adjusted for their number."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lengen.statistics.closed import MOST_CELLS, closed_test
from lengen.statistics.counts import boschloo, least_boschloo
from lengen.statistics.multiple import benjamini_hochberg, holm, tarone_holm
from lengen.statistics.permutation import permutation_tests

Pair = tuple[int, int]


class PairTest(NamedTuple):
    """Test of the areas of two cells.

    Args:
        first: index of one cell.
        second: index of the other.
        p_seeds: p-value over seeds (`permutation.permutation_test`).
        p_strings: p-value over strings and seeds (`strings.paired_test`); None without verdicts: strings are taken as fixed.
        p_value: the greater of the two, not adjusted.
        p_holm: p_value adjusted by Holm over the pairs tested.
        p_family: adjusted p-value on which claims rest: the greater of the closed test's for seeds and Holm's p_strings; p_holm
            beyond 12 cells and against a control.
        q_value: p_value adjusted by Benjamini and Hochberg; exploratory.
        exact: whether p_seeds is from all assignments.
    """

    first: int
    second: int
    p_seeds: float
    p_strings: float | None
    p_value: float
    p_holm: float
    p_family: float
    q_value: float
    exact: bool


class CountTest(NamedTuple):
    """Boschloo's test of the success counts of two cells.

    Args:
        first: index of one cell.
        second: index of the other.
        p_value: p-value, not adjusted.
        p_holm: p-value adjusted by Holm over the pairs tested.
        p_tarone: p-value adjusted by Tarone and Holm. It finds most, but makes any false claim in up to 0.08 of studies of alike
            cells: Boschloo's test keeps its level on average over the number of successes, by which Tarone selects.
        p_family: adjusted p-value on which claims rest: the closed test's, with Boschloo's test of each pair; p_holm beyond 12 cells
            and against a control.
    """

    first: int
    second: int
    p_value: float
    p_holm: float
    p_tarone: float
    p_family: float


def panel_pairs(cells: int, control: int | None = None) -> list[Pair]:
    """Return the pairs that are tested: all of them, or the control with every other cell.

    >>> panel_pairs(3), panel_pairs(3, control=1)
    ([(0, 1), (0, 2), (1, 2)], [(1, 0), (1, 2)])
    """
    if control is None:
        return list(combinations(range(cells), 2))
    return [(control, other) for other in range(cells) if other != control]


def compare_areas(
    cells: Iterable[npt.ArrayLike],
    p_strings: Mapping[Pair, float] | None = None,
    control: int | None = None,
) -> list[PairTest]:
    """Test all pairs of cells of a panel, or one declared control against every other cell.

    Args:
        cells: for each cell one score per seed.
        p_strings: for each pair of `panel_pairs` the p-value over strings and seeds; None without verdicts.
        control: index of the control, declared before the results are seen; None tests all pairs.

    Returns:
        One test per pair, in the order of `panel_pairs`; none for fewer than two cells.
    """
    scores = list(cells)
    pairs = panel_pairs(len(scores), control)
    if not pairs:
        return []
    tests = permutation_tests(scores, pairs)
    seeds = np.array([test.p_value for test in tests])
    strings = np.array([p_strings[pair] if p_strings is not None else 0.0 for pair in pairs])
    both = np.maximum(seeds, strings)
    family = by_holm = holm(both)
    if control is None and len(scores) <= MOST_CELLS:
        closed = closed_test(scores, dict(zip(pairs, seeds.tolist(), strict=True)))
        family = np.maximum([closed[pair] for pair in pairs], holm(strings))
    q_values = benjamini_hochberg(both)
    return [
        PairTest(
            *pair,
            p_seeds=tests[place].p_value,
            p_strings=None if p_strings is None else float(strings[place]),
            p_value=float(both[place]),
            p_holm=float(by_holm[place]),
            p_family=float(family[place]),
            q_value=float(q_values[place]),
            exact=tests[place].exact,
        )
        for place, pair in enumerate(pairs)
    ]


def compare_counts(
    successes: Sequence[int], seeds: Sequence[int], control: int | None = None
) -> list[CountTest]:
    """Test the success counts of all pairs of cells, or of one declared control against every other cell.

    Args:
        successes: number of seeds of each cell that succeeded.
        seeds: number of seeds of each cell.
        control: index of the control; None tests all pairs.
    """
    pairs = panel_pairs(len(seeds), control)
    if not pairs:
        return []
    p_values = [boschloo(successes[one], seeds[one], successes[two], seeds[two]) for one, two in pairs]
    least = [least_boschloo(successes[one] + successes[two], seeds[one], seeds[two]) for one, two in pairs]
    by_holm = family = holm(p_values)
    if control is None and len(seeds) <= MOST_CELLS:
        scores = [np.arange(tried) < right for right, tried in zip(successes, seeds, strict=True)]
        closed = closed_test(scores, dict(zip(pairs, p_values, strict=True)))
        family = np.array([closed[pair] for pair in pairs])
    by_tarone = tarone_holm(p_values, least)
    return [
        CountTest(
            *pair, p_values[place], float(by_holm[place]), float(by_tarone[place]), float(family[place])
        )
        for place, pair in enumerate(pairs)
    ]
