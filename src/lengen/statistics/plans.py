"""What a study of so many cells and seeds can and cannot show, before it is run."""

from __future__ import annotations

from typing import NamedTuple

from lengen.statistics.closed import MOST_CELLS
from lengen.statistics.equivalence import MARGIN, seeds_for_equivalence
from lengen.statistics.permutation import least_p_value
from lengen.statistics.power import MOST_SEEDS, areas_power, counts_power, seeds_for_power, step_power

RATES = ((0.0, 1.0), (0.1, 0.9), (0.2, 0.8), (0.5, 0.9))
"""Pairs of success rates for which power is stated."""


class PlannedPower(NamedTuple):
    """Power to find that two cells differ.

    Args:
        rate: share of seeds that work in one cell.
        other_rate: share of seeds that work in the other cell.
        areas: power of the permutation test of areas for a single pair, simulated.
        areas_family: the same for a pair among all pairs, at best.
        counts: exact power of Boschloo's test of success counts for a single pair.
        areas_seeds: seeds for power 0.8 by areas of 0 or 1; None if more than 40.
        counts_seeds: seeds for power 0.8 by success counts; None if more than 40.
    """

    rate: float
    other_rate: float
    areas: float
    areas_family: float
    counts: float
    areas_seeds: int | None
    counts_seeds: int | None


class Plan(NamedTuple):
    """What a study can show.

    Args:
        cells: number of cells.
        seeds: seeds of each cell.
        pairs: number of pairs that are tested.
        method: how p-values are adjusted: "closed" or "holm".
        least_p: least p-value of a pair.
        family_level: level that a pair must pass, at best, to be claimed (`family_level`).
        holm_level: the same by Holm.
        family_reachable: whether any claim is possible.
        holm_reachable: whether any claim is possible by Holm.
        family_seeds: seeds from which a claim is possible.
        holm_seeds: seeds from which a claim by Holm is possible.
        powers: power for several pairs of success rates.
        equivalence_seeds: seeds below which no two cells can be found alike.
        ceiling_width: width of the interval of a mean area if every seed has 1.
    """

    cells: int
    seeds: int
    pairs: int
    method: str
    least_p: float
    family_level: float
    holm_level: float
    family_reachable: bool
    holm_reachable: bool
    family_seeds: int
    holm_seeds: int
    powers: tuple[PlannedPower, ...]
    equivalence_seeds: int
    ceiling_width: float


def plan(
    cells: int,
    seeds: int,
    control: bool = False,
    doublings: float = 2.0,
    margin: float = MARGIN,
    alpha: float = 0.05,
) -> Plan:
    """Return what a study of some cells and seeds can show.

    Args:
        cells: number of cells, at least 2.
        seeds: seeds of each cell, at least 1.
        control: whether cells are compared with one declared control only.
        doublings: doublings from the train length to the longest length.
        margin: margin of equivalence, in doublings.
        alpha: nominal level.

    Raises:
        ValueError: there are fewer than two cells, or no seeds.
    """
    if cells < 2 or seeds < 1:  # noqa: PLR2004
        raise ValueError(f"a study needs at least two cells and a seed, got {cells} cells and {seeds} seeds")
    pairs = cells - 1 if control else cells * (cells - 1) // 2
    level, by_holm = family_level(cells, control, alpha), alpha / pairs
    return Plan(
        cells,
        seeds,
        pairs,
        "closed" if cells <= MOST_CELLS and not control else "holm",
        least_p_value(seeds, seeds),
        level,
        by_holm,
        least_p_value(seeds, seeds) <= level,
        least_p_value(seeds, seeds) <= by_holm,
        seeds_for_level(level),
        seeds_for_level(by_holm),
        tuple(_power(seeds, *rates, alpha, level) for rates in RATES),
        seeds_for_equivalence(doublings, margin, alpha),
        1 - float((alpha / 2) ** (1 / seeds)),
    )


def family_level(cells: int, control: bool = False, alpha: float = 0.05) -> float:
    """Return the level that the p-value of a pair must pass, at best, to be claimed among all pairs.

    >>> family_level(3), family_level(10), round(family_level(14), 5), round(family_level(11, control=True), 4)
    (0.05, 0.01, 0.00055, 0.005)
    """
    if control:
        return alpha / (cells - 1)
    if cells > MOST_CELLS:
        return alpha / (cells * (cells - 1) // 2)
    return alpha if cells <= 3 else 2 * alpha / cells  # noqa: PLR2004


def seeds_for_level(level: float) -> int:
    """Return the least number of seeds of each cell with which a permutation test can reach a level.

    >>> [seeds_for_level(level) for level in (0.05, 0.01, 0.05 / 45)]
    [4, 5, 7]
    """
    return next(seeds for seeds in range(1, MOST_SEEDS) if least_p_value(seeds, seeds) <= level)


def _power(seeds: int, rate: float, other_rate: float, alpha: float, level: float) -> PlannedPower:
    """Return the power for one pair of success rates."""
    return PlannedPower(
        rate,
        other_rate,
        areas_power(seeds, rate, other_rate, alpha),
        areas_power(seeds, rate, other_rate, level),
        counts_power(seeds, rate, other_rate, alpha),
        seeds_for_power(lambda number: step_power(number, rate, other_rate, alpha)),
        seeds_for_power(lambda number: counts_power(number, rate, other_rate, alpha)),
    )
