"""Whether two cells are alike within a margin: two one-sided tests."""

from __future__ import annotations

from math import ceil, log
from typing import NamedTuple

import numpy.typing as npt

from lengen.statistics.differences import mean_difference

MARGIN = 0.25
"""Two cells are alike if their areas differ by less than this many doublings: for curves that are steps, reaches by 1.19."""


class Equivalence(NamedTuple):
    """Result of two one-sided tests.

    Args:
        alike: whether the interval lies inside the margin on both sides; False with too few seeds.
        low: lower bound of the difference in doublings, at the confidence that the tests need; None with fewer than three seeds.
        high: upper bound.
        margin: the margin, in doublings.
        seeds_needed: seeds of each cell below which no result is alike.
    """

    alike: bool
    low: float | None
    high: float | None
    margin: float
    seeds_needed: int


def equivalence(
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    doublings: float,
    margin: float = MARGIN,
    alpha: float = 0.05,
    string_error: float = 0.0,
) -> Equivalence:
    """Test that two cells' mean areas differ by less than a margin (two one-sided tests, Schuirmann 1987).

    They are alike if the interval of `differences.mean_difference` at confidence 1 - 2 alpha lies inside the margin.

    Args:
        first: area of every seed of one cell, in [0, 1].
        second: the same of the other cell.
        doublings: doublings from the train length to the last common length (`areas.doublings`).
        margin: in doublings, above 0; fixed before the results are seen.
        alpha: level of each test.
        string_error: standard error of the difference of areas from the draw of strings.

    Raises:
        ValueError: the margin is not positive.
    """
    needed = seeds_for_equivalence(doublings, margin, alpha)
    _, low, high, _ = mean_difference(first, second, 1 - 2 * alpha, string_error)
    if low is None or high is None:
        return Equivalence(False, None, None, margin, needed)
    low, high = low * doublings, high * doublings
    return Equivalence(inside(low, high, margin), low, high, margin, needed)


def inside(low: float, high: float, margin: float) -> bool:
    """Return whether an interval lies inside a margin on both sides of 0."""
    return bool(-margin < low <= high < margin)


def seeds_for_equivalence(doublings: float, margin: float = MARGIN, alpha: float = 0.05) -> int:
    """Return the seeds of each cell below which two cells cannot be found alike, were all their scores 1.

    Raises:
        ValueError: the margin is not positive.

    >>> seeds_for_equivalence(1.0), seeds_for_equivalence(2.0)
    (11, 23)
    """
    if margin <= 0:
        raise ValueError(f"the margin must be above 0, got {margin}")
    return 3 if margin >= doublings else max(3, ceil(log(alpha) / log(1 - margin / doublings)))
