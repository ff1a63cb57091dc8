"""Results of cells of the same name over all tasks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lengen.comparison.cell_scores import GATES, gate, matrix, ood_lengths
from lengen.comparison.cell_summary import CellSummary, categories
from lengen.comparison.grouping import Study
from lengen.statistics.resampling import iqm
from lengen.statistics.scores import mean_rank


@dataclass(frozen=True)
class Overall:
    """Cells of the same name over the panels that have every name; the fields are the columns of `overall.csv`.

    Args:
        line: name of the cells.
        runs: `all` or `trained`, as in `CellSummary`.
        panels: number of panels.
        category: as in `CellSummary`.
        mean_rank: mean rank over tasks; ties share a rank.
        iqm: interquartile mean of exact match over seeds, OOD lengths and tasks, with a bootstrap interval stratified by task.
    """

    line: str
    runs: str
    panels: int
    tried: int
    trained: int
    category: str
    mean_rank: float
    iqm: float | None
    iqm_low: float | None
    iqm_high: float | None


def over_all_panels(study: Study, summaries: Sequence[CellSummary]) -> list[Overall]:
    """Combine cells of the same name over the panels that have every name; empty with fewer than two such panels.

    Ranks in panels that lack a name are not comparable.
    """
    names = list(dict.fromkeys(cell.name for panel in study.panels for cell in panel.cells))
    panels = [panel for panel in study.panels if {cell.name for cell in panel.cells} == set(names)]
    if len(panels) < 2:  # noqa: PLR2004
        return []
    results = []
    for runs in GATES:
        table = np.full((len(names), len(panels)), np.nan)
        for column, panel in enumerate(panels):
            for each in summaries:
                if each.task == panel.name and each.runs == runs and each.area is not None:
                    table[names.index(each.line), column] = round(each.area, 9)
        for name, rank in zip(names, mean_rank(table), strict=True):
            cells = [cell for panel in panels for cell in panel.cells if cell.name == name]
            kept = [cell for cell in (gate(cell, runs) for cell in cells) if cell.runs and ood_lengths(cell)]
            strata = [matrix(cell, "exact_match", ood_lengths(cell)) for cell in kept]
            results.append(
                Overall(
                    name,
                    runs,
                    len(cells),
                    sum(cell.tried for cell in cells),
                    sum(cell.gated().tried for cell in cells),
                    categories(run for cell in cells for run in cell.runs),
                    rank,
                    *(iqm(strata) if strata else (None, None, None)),
                )
            )
    return results
