"""The results of a study as CSV files, which other programs read: columns are added at the end and none is renamed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, fields
from pathlib import Path

from lengen.comparison.cell_summary import CellSummary
from lengen.comparison.grouping import Study
from lengen.comparison.overall import Overall
from lengen.comparison.pairs import CellPair
from lengen.comparison.run_record import Excluded
from lengen.comparison.summary import StudySummary
from lengen.records.curve import COLUMNS, write_csv


def write(study: Study, summary: StudySummary, file: Callable[[str], Path]) -> None:
    """Write cells, pairs, all panels, excluded runs, and every row of every curve; no file without rows.

    Args:
        study: the compared runs.
        summary: the results.
        file: returns the path of a file by its name.
    """
    for name, kind, rows in (
        ("table.csv", CellSummary, summary.summaries),
        ("pairs.csv", CellPair, summary.pairs),
        ("overall.csv", Overall, summary.overall),
        ("left_out.csv", Excluded, study.left_out),
    ):
        if rows:
            write_csv(file(name), [field.name for field in fields(kind)], [asdict(row) for row in rows])
    curves = [
        {
            "panel": panel.name,
            "line": cell.name,
            "trained": run.trained,
            "place": run.place,
            **{name: getattr(row, name) for name in COLUMNS},
        }
        for panel in study.panels
        for cell in panel.cells
        for run in cell.runs
        for row in run.curve.rows
    ]
    write_csv(file("curves.csv"), ("panel", "line", "trained", "place", *COLUMNS), curves)
