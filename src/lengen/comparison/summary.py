"""What a study amounts to: cell by cell, pair by pair, and over all tasks."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lengen.comparison.cell_scores import GATES, gate
from lengen.comparison.cell_summary import CellSummary, SuccessCriterion, summarize_cells
from lengen.comparison.grouping import Study
from lengen.comparison.overall import Overall, over_all_panels
from lengen.comparison.pairs import CellPair, matched


@dataclass(frozen=True)
class StudySummary:
    """Everything that comparing found."""

    summaries: tuple[CellSummary, ...]
    pairs: tuple[CellPair, ...]
    overall: tuple[Overall, ...]


def findings(study: Study, asked: SuccessCriterion) -> StudySummary:
    """Summaries of all cells, all runs and trained runs alone; their pairs; and their ranks over all panels."""
    summaries: list[CellSummary] = []
    pairs: list[CellPair] = []
    found: list[CellPair] = []
    rows: list[CellSummary] = []
    for panel in study.panels:
        same = all(run.trained for run in panel.runs)
        for runs in GATES:
            lines = [gate(line, runs) for line in panel.lines]
            if runs == "trained" and same:  # then the numbers are those of all runs
                found = [replace(pair, runs=runs) for pair in found]
                rows = [replace(row, runs=runs) for row in rows]
            else:
                found = matched(panel, lines, runs)
                rows = summarize_cells(panel, lines, runs, asked, found)
            pairs += found
            summaries += rows
    return StudySummary(tuple(summaries), tuple(pairs), tuple(over_all_panels(study, summaries)))
