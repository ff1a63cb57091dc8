"""The results of a study as CSV files, which other programs read: columns are added at the end and none is renamed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from lengen.comparison.cell_summary import CellSummary
from lengen.comparison.grouping import Study
from lengen.comparison.option_columns import option_columns, option_values
from lengen.comparison.overall import Overall
from lengen.comparison.pairs import CellPair
from lengen.comparison.summary import StudySummary
from lengen.comparison.variance import CellVariance
from lengen.records.curve import COLUMNS, write_csv
from lengen.records.plain_text import harmless

CURVE_COLUMNS = ("panel", "line", "trained", "place", *COLUMNS)
CANDIDATE_COLUMNS = ("task", "line", "cell", "seeds", "id_exact_match", "id_loss", "picked")
LEFT_OUT = ("place", "reason")
"""Columns of the runs that are excluded."""


def write(study: Study, summary: StudySummary, file: Callable[[str], Path]) -> None:
    """Write cells, pairs, all panels, shares of variance, what was picked from what, excluded runs, and every row of every curve.

    A file without rows is not written. `table.csv` and `curves.csv` have a column for every option in which cells differ.

    Args:
        study: the compared runs.
        summary: the results.
        file: returns the path of a file by its name.
    """
    options = option_columns(study)
    table, more = _columns(CellSummary), [key for key in options if key not in _columns(CellSummary)]
    for name, columns, rows in (
        ("table.csv", (*table, *more), _cells(study, summary, more)),
        ("pairs.csv", _columns(CellPair), [asdict(row) for row in summary.pairs]),
        ("overall.csv", _columns(Overall), [asdict(row) for row in summary.overall]),
        ("variance.csv", _columns(CellVariance), [asdict(row) for row in summary.variances]),
        ("best.csv", (*CANDIDATE_COLUMNS, *study.best), _candidates(study)),
        (
            "left_out.csv",
            LEFT_OUT,
            [{name: getattr(row, name) for name in LEFT_OUT} for row in study.left_out],
        ),
    ):
        if rows:
            write_csv(file(name), columns, harmless(rows))
    more = [key for key in options if key not in CURVE_COLUMNS]
    write_csv(file("curves.csv"), (*CURVE_COLUMNS, *more), harmless(_curves(study, more)))


def _columns(kind: type[Any]) -> tuple[str, ...]:
    """Return the columns of a table whose rows are objects of a dataclass."""
    return tuple(field.name for field in fields(kind))


def _cells(study: Study, summary: StudySummary, options: Sequence[str]) -> list[dict[str, Any]]:
    """Return the rows of `table.csv`."""
    values = {
        (panel.name, cell.name): option_values(cell.runs, options)
        for panel in study.panels
        for cell in panel.cells
    }
    return [{**asdict(row), **values[row.task, row.line]} for row in summary.summaries]


def _candidates(study: Study) -> list[dict[str, Any]]:
    """Return the rows of `best.csv`: every value that was tried for a cell, and its ID results."""
    return [
        {
            "task": panel.name,
            "line": cell.name,
            "cell": each.runs[0].cell,
            "seeds": len(each.runs),
            "id_exact_match": each.id_exact_match,
            "id_loss": each.id_loss,
            "picked": each is cell.choice.picked,
            **dict(zip(study.best, each.values, strict=True)),
        }
        for panel in study.panels
        for cell in panel.cells
        if cell.choice
        for each in cell.choice.candidates
    ]


def _curves(study: Study, options: Sequence[str]) -> list[dict[str, Any]]:
    """Return the rows of `curves.csv`."""
    return [
        {
            "panel": panel.name,
            "line": cell.name,
            "trained": run.trained,
            "place": run.place,
            **vars(row),
            **values,
        }
        for panel in study.panels
        for cell in panel.cells
        for run in cell.runs
        for values in (option_values([run], options),)
        for row in run.curve.rows
    ]
