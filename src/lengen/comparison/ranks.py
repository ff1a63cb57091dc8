"""Ranks of cells: only differences that are significant make an order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lengen.comparison.cell_scores import ood_lengths
from lengen.comparison.grouping import Cell
from lengen.comparison.pairs import CellPair
from lengen.statistics.intervals import clopper_pearson


def ranks(names: Sequence[str], pairs: Iterable[CellPair]) -> dict[str, float]:
    """Return the rank of each cell: 1 + number of ranked cells whose mean area is significantly larger.

    Args:
        names: the cells that are ranked.
        pairs: comparisons of all pairs of the panel.
    """
    better = dict.fromkeys(names, 0)
    for pair in pairs:
        if pair.told_apart and pair.first in better and pair.second in better:
            better[pair.second if pair.difference > 0 else pair.first] += 1
    return {name: 1.0 + count for name, count in better.items()}


def above_chance(cell: Cell) -> bool:
    """Whether a cell is above chance at some OOD length: the lower 95% bound of its pooled exact match is."""
    for length in ood_lengths(cell):
        rows = [curve[length] for curve in cell.curves]
        correct, examples = sum(row.correct for row in rows), sum(row.examples for row in rows)
        chance = rows[0].chance_exact_match or 0.0
        if clopper_pearson(correct, examples)[0] > chance:
            return True
    return False
