"""Pairs of the cells of a panel: how much they differ, and which differences are significant.

Every pair of a panel is tested, or every cell against one declared control. The methods and their sources are in
`lengen.statistics`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from lengen.comparison.grouping import Cell, Panel
from lengen.comparison.panel_areas import PanelAreas
from lengen.config.errors import require
from lengen.statistics.differences import beats, mean_difference
from lengen.statistics.equivalence import MARGIN, equivalence
from lengen.statistics.pairs import CountTest, PairTest, compare_areas, compare_counts, panel_pairs
from lengen.statistics.permutation import least_p_value
from lengen.statistics.plans import family_level
from lengen.statistics.power import MOST_SEEDS, POWER, redraw_power, redraw_seeds, seeds_for_level

SIGNIFICANT = 0.05
"""Two cells differ significantly if the adjusted p-value is at most this."""


@dataclass(frozen=True)
class PairOptions:
    """How cells are compared; fixed before the results are seen.

    Args:
        margin: two cells are alike if their areas differ by less than this many doublings, above 0.
        control: name of the cell with which all others are compared; None compares all pairs.
    """

    margin: float = MARGIN
    control: str | None = None

    def __post_init__(self) -> None:
        require(0 < self.margin < math.inf, f"margin={self.margin:g}: must be above 0 and finite")


@dataclass(frozen=True)
class CellPair:
    """Two cells of a panel on the same test strings; the fields are the columns of `pairs.csv`.

    Args:
        task: name of the panel.
        runs: `all` or `trained`.
        first: name of one cell.
        second: name of the other.
        first_seeds: number of seeds of the first; likewise `second_seeds`.
        improvement: probability that a seed of `first` has a larger area than a seed of `second`; ties count half. With its
            interval over seeds and strings, from five seeds on.
        p_value: the greater of `p_seeds` and `p_strings`, not adjusted.
        told_apart: whether the difference is significant: `p_family` is at most 0.05.
        difference: mean area of `first` less that of `second`, in doublings, with its interval from three seeds on.
        p_seeds: permutation test of the difference of mean areas over seeds.
        p_strings: paired test over strings, with the error of the seeds; empty if some run kept no verdicts, which takes the
            strings as fixed.
        p_holm: `p_value` adjusted by Holm over the pairs of the panel.
        p_family: the adjusted p-value on which claims rest: closed permutation test up to 12 cells, otherwise Holm's.
        q_value: `p_value` adjusted by Benjamini and Hochberg; exploratory.
        higher: name of the cell with the higher mean, if the interval of the difference excludes 0.
        alike: whether the areas differ by less than `margin` doublings (two one-sided tests).
        margin: the margin of equivalence, in doublings.
        alike_seeds: number of seeds per cell below which no two cells can be found alike.
        typical_seeds: about how many seeds per cell would make the difference significant among as many others, if these seeds
            are typical; empty if it is significant, if there are fewer than three seeds, if more than 40 are needed, or if the
            estimate is not above the seeds that there are.
        p_success: Boschloo's test of the numbers of seeds that succeed.
        p_success_family: the same, adjusted like `p_family`.
        longest: the last length that all compared runs share: where the areas end.
    """

    task: str
    runs: str
    first: str
    second: str
    first_seeds: int
    second_seeds: int
    improvement: float
    improvement_low: float | None
    improvement_high: float | None
    p_value: float
    told_apart: bool
    difference: float
    difference_low: float | None
    difference_high: float | None
    p_seeds: float
    p_strings: float | None
    p_holm: float
    p_family: float
    q_value: float
    higher: str
    alike: bool
    margin: float
    alike_seeds: int
    typical_seeds: int | None
    p_success: float | None
    p_success_family: float | None
    longest: int


def compare_pairs(
    panel: Panel,
    areas: PanelAreas | None,
    runs: str,
    options: PairOptions,
    successes: Sequence[int] | None = None,
) -> list[CellPair]:
    """Compare the pairs of cells of a panel.

    Args:
        panel: the panel.
        areas: areas of the cells that have runs; None if the runs share no OOD length.
        runs: which runs are counted.
        options: how cells are compared.
        successes: number of successful seeds of each of these cells; None if success is not defined for all of them.
    """
    if areas is None or len(areas.cells) < 2:  # noqa: PLR2004
        return []
    control = control_index(areas.cells, options)
    if options.control is not None and control is None:
        return []
    indices = panel_pairs(len(areas.cells), control)
    strings = {pair: areas.p_strings(*pair) for pair in indices} if areas.means else None
    tests = compare_areas(areas.areas, strings, control)
    counts: Sequence[CountTest | None] = [None] * len(tests)
    if successes is not None:
        counts = compare_counts(successes, [cell.tried for cell in areas.cells], control)
    level = family_level(len(areas.cells), control=control is not None)
    return [
        _pair(panel.name, areas, runs, options, test, count, level)
        for test, count in zip(tests, counts, strict=True)
    ]


def control_index(cells: Sequence[Cell], options: PairOptions) -> int | None:
    """Return the index of the control; None if there is none among the cells."""
    return next((index for index, cell in enumerate(cells) if cell.name == options.control), None)


def _pair(
    task: str,
    areas: PanelAreas,
    runs: str,
    options: PairOptions,
    test: PairTest,
    count: CountTest | None,
    level: float,
) -> CellPair:
    """Return the comparison of one pair."""
    first, second = areas.cells[test.first], areas.cells[test.second]
    ours, theirs, scale = areas.areas[test.first], areas.areas[test.second], areas.doublings
    error = areas.string_error(test.first, test.second)
    shift, low, high, _ = mean_difference(ours, theirs, string_error=error)
    win = beats(ours, theirs, string_error=error)
    require(
        options.margin < scale or options.margin == MARGIN,
        f"margin={options.margin:g}: must be below the {scale:g} doublings beyond the train length that {task} was evaluated at",
    )
    same = equivalence(ours, theirs, scale, options.margin, string_error=error)
    sensible = options.margin < scale  # else any two cells were alike
    significant = test.p_family <= SIGNIFICANT
    few = min(first.tried, second.tried) < 3  # noqa: PLR2004
    return CellPair(
        task=task,
        runs=runs,
        first=first.name,
        second=second.name,
        first_seeds=first.tried,
        second_seeds=second.tried,
        improvement=win.value,
        improvement_low=win.low,
        improvement_high=win.high,
        p_value=test.p_value,
        told_apart=significant,
        difference=shift * scale,
        difference_low=None if low is None else low * scale,
        difference_high=None if high is None else high * scale,
        p_seeds=test.p_seeds,
        p_strings=test.p_strings,
        p_holm=test.p_holm,
        p_family=test.p_family,
        q_value=test.q_value,
        higher=_higher(first.name, second.name, low, high),
        alike=same.alike and sensible,
        margin=options.margin,
        alike_seeds=same.seeds_needed,
        typical_seeds=None
        if significant or few
        else typical_seeds(
            tuple(ours.tolist()),
            tuple(theirs.tolist()),
            min(level, SIGNIFICANT * test.p_value / test.p_family),
        ),
        p_success=count.p_value if count else None,
        p_success_family=count.p_family if count else None,
        longest=areas.lengths[-1],
    )


def _higher(first: str, second: str, low: float | None, high: float | None) -> str:
    """Return the name of the cell with the higher mean; empty if the interval of the difference includes 0."""
    if low is None or high is None:
        return ""
    return first if low > 0 else second if high < 0 else ""


@lru_cache(maxsize=4096)
def typical_seeds(first: tuple[float, ...], second: tuple[float, ...], level: float) -> int | None:
    """Return about how many seeds of each cell would reach a level with power 0.8; None if more than 40, or no more than there are."""
    ours, theirs = np.asarray(first), np.asarray(second)
    if redraw_power(ours, theirs, MOST_SEEDS, level, studies=200) < POWER:
        return None
    seeds = redraw_seeds(ours, theirs, level)
    return seeds if seeds is None or seeds > min(len(ours), len(theirs)) else None


def too_few_seeds(areas: PanelAreas | None, options: PairOptions) -> str:
    """Say that no difference of areas can be significant with these numbers of seeds; empty if some can."""
    if areas is None or len(areas.cells) < 2:  # noqa: PLR2004
        return ""
    control = control_index(areas.cells, options)
    if options.control is not None and control is None:
        return ""
    level = family_level(len(areas.cells), control=control is not None, alpha=SIGNIFICANT)
    pairs = panel_pairs(len(areas.cells), control)
    least = min(least_p_value(areas.cells[one].tried, areas.cells[two].tried) for one, two in pairs)
    if least <= level + np.finfo(float).eps:
        return ""
    enough = seeds_for_level(level)
    return (
        f"too few seeds: no two of {len(areas.cells)} cells can differ significantly (least possible p {least:.2g}, "
        f"needed {level:.2g}); {f'{enough} seeds per cell can' if enough else 'no number of seeds can: compare fewer cells'}"
    )
