"""Ranks of cells: only differences that are significant make an order, and only trained cells above chance have one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from lengen.comparison.cell_scores import ood_lengths
from lengen.comparison.grouping import Cell
from lengen.comparison.pairs import SIGNIFICANT, CellPair
from lengen.statistics.intervals import clopper_pearson


class Rank(NamedTuple):
    """The ranks of a cell that the significant differences leave open, from `first` to `last`; 1 is the best."""

    first: int
    last: int


def ranks(names: Sequence[str], pairs: Iterable[CellPair]) -> dict[str, Rank]:
    """Return the rank of each cell, as a range: cells that do not differ significantly share ranks.

    The ranges of all cells hold at once where the pairs are tested at a family-wise level (Mogstad et al. 2024).

    Args:
        names: the cells that are ranked.
        pairs: comparisons of all pairs of the panel.
    """
    better, worse = dict.fromkeys(names, 0), dict.fromkeys(names, 0)
    for pair in pairs:
        if pair.told_apart and pair.first in better and pair.second in better:
            larger, smaller = (pair.first, pair.second) if pair.difference > 0 else (pair.second, pair.first)
            better[smaller] += 1
            worse[larger] += 1
    return {name: Rank(1 + better[name], len(names) - worse[name]) for name in names}


def rankable(cells: Sequence[Cell]) -> list[str]:
    """Return the names of the cells that have a rank: those with a trained run; none if these are all at chance."""
    trained = [cell for cell in cells if cell.gated().runs]
    comparisons = sum(len(ood_lengths(cell)) for cell in trained)
    return [cell.name for cell in trained] if any(above_chance(cell, comparisons) for cell in trained) else []


def above_chance(cell: Cell, comparisons: int) -> bool:
    """Whether the mean exact match over seeds is above chance at some OOD length.

    The lower bound of its interval is above chance, at 95% over all comparisons (Bonferroni). All seeds have the same
    strings, so these count once.

    Args:
        cell: the cell.
        comparisons: the number of such decisions that are made, over lengths and cells.
    """
    confidence = 1 - SIGNIFICANT / max(comparisons, 1)
    for length in ood_lengths(cell):
        rows = [curve[length] for curve in cell.curves]
        correct, examples = sum(row.correct for row in rows), sum(row.examples for row in rows)
        low, _ = clopper_pearson(correct // len(rows), examples // len(rows), confidence)
        if low > (rows[0].chance_exact_match or 0.0):
            return True
    return False
