"""Pairs of the cells of a panel: which of the two is better, and whether the difference is significant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from lengen.comparison.cell_scores import areas, beyond, matrix
from lengen.comparison.grouping import Cell, Panel
from lengen.statistics.resampling import improvement
from lengen.statistics.tests import difference

SIGNIFICANT = 0.05
"""p-value below which two cells differ significantly."""
MANY = 20
"""Cells of a panel up to which every pair is compared; beyond, each with the best alone."""


@dataclass(frozen=True)
class CellPair:
    """Two cells of a panel on the same test strings; the fields are the columns of `pairs.csv`.

    Args:
        improvement: probability that a seed of `first` beats one of `second` at an OOD length, ties half, with its interval.
        p_value: exact, two-sided, of the areas of their seeds.
        told_apart: whether p is under 0.05.
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


def compare_pairs(panel: Panel, cells: Sequence[Cell], runs: str) -> list[CellPair]:
    """Pairs of cells that were evaluated on the same strings at some OOD lengths."""
    filled = [cell for cell in cells if cell.runs and beyond(cell)]
    scores = {cell.digest: areas(cell) for cell in filled}
    chosen = list(combinations(filled, 2))
    if len(filled) > MANY:
        best = max(filled, key=lambda cell: float(np.median(scores[cell.digest])))
        chosen = [(best, cell) for cell in filled if cell is not best]
    pairs = []
    for first, second in chosen:
        common = sorted(set(beyond(first)) & set(beyond(second)))
        if not common:
            continue
        p_value = difference(scores[first.digest], scores[second.digest])
        better = improvement(matrix(first, "exact_match", common), matrix(second, "exact_match", common))
        pairs.append(
            CellPair(
                panel.name,
                runs,
                first.name,
                second.name,
                first.tried,
                second.tried,
                *better,
                p_value,
                p_value < SIGNIFICANT,
            )
        )
    return pairs
