"""Every column that `lengen compare` writes is described in docs/statistics.md, under the name of its file."""

import csv
import re
from dataclasses import fields
from pathlib import Path

import pytest

import lengen
from lengen.analysis.compare_runs import Comparison
from lengen.comparison import published
from lengen.comparison.variance import CellVariance
from lengen.report.csv_tables import CANDIDATE_COLUMNS, LEFT_OUT
from studies import write_run

PAGE = Path(__file__).parents[2] / "docs" / "statistics.md"
VARIED = {"pe", "task.repeats"}
"""The options in which the cells differ: they may have columns of their own."""
pytestmark = pytest.mark.skipif(not PAGE.is_file(), reason="an sdist has no docs")


def described(file: str) -> set[str]:
    """The names in the first column of the table under the heading of a file."""
    section = PAGE.read_text().partition(f"\n### {file}\n")[2].partition("\n#")[0]
    rows = re.findall(r"^\| ([^|]*) \|", section, re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`(\w+)`", row)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folder of a comparison of two cells on two tasks, without figures."""
    root = tmp_path_factory.mktemp("columns")
    for repeats in ("allowed", "one"):
        for pe in ("nope", "rope"):
            cell = f"c-{repeats}-{pe}"
            write_run(root, 0, (1.0, 1.0, 0.5, 0.1), pe=pe, cell=cell, task__repeats=repeats)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Comparison, "draw", lambda *_: None)
        return lengen.compare(root, out=str(root / "out")).path


@pytest.mark.parametrize("file", ["table.csv", "pairs.csv", "overall.csv", "curves.csv"])
def test_the_columns_are_those_of_the_documentation(folder, file):
    with (folder / file).open(newline="") as opened:
        assert set(next(csv.reader(opened))) - VARIED == described(file) - VARIED


@pytest.mark.parametrize(
    ("file", "columns"),
    [
        ("best.csv", CANDIDATE_COLUMNS),
        ("against.csv", published.COLUMNS),
        ("variance.csv", [field.name for field in fields(CellVariance)]),
        ("left_out.csv", LEFT_OUT),
    ],
)
def test_so_are_those_of_files_that_not_every_comparison_has(file, columns):
    assert set(columns) == described(file)
