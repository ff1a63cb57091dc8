"""Pairs of the cells of a panel: which of the two is better, and whether the difference is significant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from lengen.comparison.cell_scores import areas, matrix, ood_lengths
from lengen.comparison.grouping import Cell, Panel
from lengen.statistics.resampling import improvement
from lengen.statistics.tests import difference

SIGNIFICANT = 0.05
"""Two cells differ significantly if the p-value is below this."""
MANY = 20
"""Up to this many cells of a panel every pair is compared; with more, each cell only with the best."""


@dataclass(frozen=True)
class CellPair:
    """Two cells of a panel on the same test examples; the fields are the columns of `pairs.csv`.

    Args:
        improvement: probability that a seed of `first` has higher exact match than a seed of `second` at an OOD length; ties count
            half. With its bootstrap interval.
        p_value: p-value of an exact two-sided permutation test on the areas of the seeds.
        told_apart: whether the difference is significant, p < 0.05.
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
    """Compare the pairs of cells that share OOD lengths."""
    usable = [cell for cell in cells if cell.runs and ood_lengths(cell)]
    scores = {cell.digest: areas(cell) for cell in usable}
    chosen = list(combinations(usable, 2))
    if len(usable) > MANY:
        best = max(usable, key=lambda cell: float(np.median(scores[cell.digest])))
        chosen = [(best, cell) for cell in usable if cell is not best]
    pairs = []
    for first, second in chosen:
        common = sorted(set(ood_lengths(first)) & set(ood_lengths(second)))
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
