"""Results of cells of the same name over all tasks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lengen.comparison.cell_scores import GATES
from lengen.comparison.cell_summary import CellSummary, categories
from lengen.comparison.grouping import Study


@dataclass(frozen=True)
class Overall:
    """Cells of the same name over the panels that have every name; the fields are the columns of `overall.csv`.

    Args:
        line: name of the cells.
        runs: `all` or `trained`, as in `CellSummary`.
        panels: number of panels.
        category: as in `CellSummary`.
        mean_rank: mean over tasks of the cell's rank; empty if it has none in some task.
        iqm: mean over tasks of the interquartile mean of exact match; without an interval, since none is known to cover.
    """

    line: str
    runs: str
    panels: int
    tried: int
    trained: int
    category: str
    mean_rank: float | None
    iqm: float | None


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
        for name in names:
            cells = [cell for panel in panels for cell in panel.cells if cell.name == name]
            tasks = {panel.name for panel in panels}
            rows = [row for row in summaries if row.task in tasks and row.runs == runs and row.line == name]
            results.append(
                Overall(
                    name,
                    runs,
                    len(cells),
                    sum(cell.tried for cell in cells),
                    sum(cell.gated().tried for cell in cells),
                    categories(run for cell in cells for run in cell.runs),
                    _mean([row.rank for row in rows]),
                    _mean([row.iqm for row in rows]),
                )
            )
    return results


def _mean(values: Sequence[float | None]) -> float | None:
    """Return the mean; None if a value is missing."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known and len(known) == len(values) else None
