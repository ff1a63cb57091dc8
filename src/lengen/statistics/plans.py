"""What a study of so many cells and seeds can and cannot show, before it is run."""

from __future__ import annotations

from collections.abc import Callable
from math import log2
from typing import NamedTuple

from lengen.statistics.closed import MOST_CELLS
from lengen.statistics.equivalence import MARGIN, seeds_for_equivalence
from lengen.statistics.estimates import TOLERANCE
from lengen.statistics.power import (
    areas_power,
    counts_power,
    least_areas_p_value,
    least_counts_p_value,
    seeds_for_level,
    seeds_for_narrow,
    seeds_for_power,
    step_power,
)

RATES = ((0.0, 1.0), (0.0, 0.8), (0.1, 0.9), (0.0, 0.5), (0.2, 0.8), (0.5, 0.9), (0.2, 0.6))
"""Pairs of success rates for which power is stated."""
EFFECTS = (1.0, 1.5, 2.0, 3.0)
"""Differences in units of the standard deviation between seeds, for which seeds are stated."""


class Reachable(NamedTuple):
    """Whether a claim about a pair of cells is possible at all.

    Args:
        level: the level that the pair's p-value must pass, at best.
        reachable: whether these seeds can pass it.
        seeds: seeds of each cell from which it can be passed; None if none up to 40 can.
    """

    level: float
    reachable: bool
    seeds: int | None


class PlannedPower(NamedTuple):
    """Power to find that two cells differ.

    Args:
        rate: share of seeds that work in one cell.
        other_rate: share of seeds that work in the other cell.
        areas: power of the permutation test of areas for a single pair, simulated.
        areas_family: the same for a pair among all pairs, at best.
        counts: exact power of Boschloo's test of success counts for a single pair.
        areas_seeds: seeds for power 0.8 by areas of 0 or 1, for a single pair; None if more than 40.
        areas_family_seeds: the same for a pair among all pairs, at best.
        counts_seeds: seeds for power 0.8 by success counts, for a single pair; None if more than 40.
    """

    rate: float
    other_rate: float
    areas: float
    areas_family: float
    counts: float
    areas_seeds: int | None
    areas_family_seeds: int | None
    counts_seeds: int | None


class NarrowSeeds(NamedTuple):
    """Seeds of each cell for power 0.8 where seeds have one mode.

    Args:
        effect: difference of the means in units of the standard deviation between seeds.
        single: seeds for a single pair; None if no number of seeds can.
        family: the same for a pair among all pairs, at best.
    """

    effect: float
    single: int | None
    family: int | None


class Plan(NamedTuple):
    """What a study can show.

    Args:
        cells: number of cells.
        seeds: seeds of each cell.
        control: whether all other cells are compared with one alone.
        pairs: number of pairs that are tested.
        alpha: nominal level.
        method: how p-values are adjusted: "closed" or "holm".
        least_p: least p-value of a pair by areas.
        counts_least_p: least p-value of a pair by success counts.
        single: whether a pair that is tested alone can be claimed.
        family: the same for a pair among all pairs, at best (`family_level`).
        holm: the same by Holm.
        counts: whether a pair that is tested alone can be claimed by success counts.
        powers: power for several pairs of success rates.
        narrow: seeds where cells have one mode.
        margin: margin of equivalence, in doublings.
        doublings: doublings from the train length to the longest length.
        equivalence_seeds: seeds below which no two cells can be found alike.
        ceiling_width: width of the interval of a mean area if every seed has 1.
    """

    cells: int
    seeds: int
    control: bool
    pairs: int
    alpha: float
    method: str
    least_p: float
    counts_least_p: float
    single: Reachable
    family: Reachable
    holm: Reachable
    counts: Reachable
    powers: tuple[PlannedPower, ...]
    narrow: tuple[NarrowSeeds, ...]
    margin: float
    doublings: float
    equivalence_seeds: int
    ceiling_width: float


def plan(
    cells: int,
    seeds: int,
    control: bool = False,
    end: float = 4.0,
    margin: float = MARGIN,
    alpha: float = 0.05,
) -> Plan:
    """Return what a study of some cells and seeds can show.

    Args:
        cells: number of cells, at least 2.
        seeds: seeds of each cell, at least 1.
        control: whether cells are compared with one declared control only.
        end: the longest length, as a multiple of the train length, above 1.
        margin: margin of equivalence, in doublings.
        alpha: nominal level.

    Raises:
        ValueError: there are fewer than two cells, or no seeds.
    """
    if cells < 2 or seeds < 1:  # noqa: PLR2004
        raise ValueError(f"a study needs at least two cells and a seed, got {cells} cells and {seeds} seeds")
    pairs = cells - 1 if control else cells * (cells - 1) // 2
    level = family_level(cells, control, alpha)
    return Plan(
        cells=cells,
        seeds=seeds,
        control=control,
        pairs=pairs,
        alpha=alpha,
        method="closed" if cells <= MOST_CELLS and not control else "holm",
        least_p=least_areas_p_value(seeds),
        counts_least_p=least_counts_p_value(seeds),
        single=_reachable(seeds, alpha),
        family=_reachable(seeds, level),
        holm=_reachable(seeds, alpha / pairs),
        counts=_reachable(seeds, alpha, least_counts_p_value),
        powers=tuple(_power(seeds, *rates, alpha, level) for rates in RATES),
        narrow=tuple(
            NarrowSeeds(effect, seeds_for_narrow(effect, alpha), seeds_for_narrow(effect, level))
            for effect in EFFECTS
        ),
        margin=margin,
        doublings=log2(end),
        equivalence_seeds=seeds_for_equivalence(log2(end), margin, alpha),
        ceiling_width=1 - float((alpha / 2) ** (1 / seeds)),
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


def _reachable(seeds: int, level: float, least_p: Callable[[int], float] = least_areas_p_value) -> Reachable:
    """Return whether a number of seeds can reach a level, and how many can."""
    enough = seeds_for_level(level, least_p)
    return Reachable(level, least_p(seeds) <= level + TOLERANCE, enough)


def _power(seeds: int, rate: float, other_rate: float, alpha: float, level: float) -> PlannedPower:
    """Return the power for one pair of success rates."""

    def areas_seeds(at: float) -> int | None:
        if seeds_for_level(at) is None:
            return None
        return seeds_for_power(lambda number: step_power(number, rate, other_rate, at))

    return PlannedPower(
        rate,
        other_rate,
        areas_power(seeds, rate, other_rate, alpha),
        areas_power(seeds, rate, other_rate, level),
        counts_power(seeds, rate, other_rate, alpha),
        areas_seeds(alpha),
        areas_seeds(level),
        seeds_for_power(lambda number: counts_power(number, rate, other_rate, alpha)),
    )
