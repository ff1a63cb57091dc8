"""The results of a study: by cell, by pair of cells, and over all tasks."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lengen.comparison.cell_scores import GATES, gate
from lengen.comparison.cell_summary import CellSummary, SuccessCriterion, summarize_cells
from lengen.comparison.grouping import Study
from lengen.comparison.overall import Overall, over_all_panels
from lengen.comparison.pairs import CellPair, compare_pairs


@dataclass(frozen=True)
class StudySummary:
    """The results of a comparison."""

    summaries: tuple[CellSummary, ...]
    pairs: tuple[CellPair, ...]
    overall: tuple[Overall, ...]


def summarize(study: Study, criterion: SuccessCriterion) -> StudySummary:
    """Summarize cells, pairs of cells and all panels, for all runs and for trained runs only."""
    summaries: list[CellSummary] = []
    pairs: list[CellPair] = []
    panel_pairs: list[CellPair] = []
    rows: list[CellSummary] = []
    for panel in study.panels:
        all_trained = all(run.trained for run in panel.runs)
        for runs in GATES:
            cells = [gate(cell, runs) for cell in panel.cells]
            if runs == "trained" and all_trained:  # the results equal those of all runs
                panel_pairs = [replace(pair, runs=runs) for pair in panel_pairs]
                rows = [replace(row, runs=runs) for row in rows]
            else:
                panel_pairs = compare_pairs(panel, cells, runs)
                rows = summarize_cells(panel, cells, runs, criterion, panel_pairs)
            pairs += panel_pairs
            summaries += rows
    return StudySummary(tuple(summaries), tuple(pairs), tuple(over_all_panels(study, summaries)))
