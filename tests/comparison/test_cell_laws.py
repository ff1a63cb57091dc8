"""The error laws of a cell: counted over its seeds, and medians of the most frequent one."""

import csv

import pytest

from lengen.comparison.cell_summary import SuccessCriterion
from lengen.comparison.find_runs import find
from lengen.comparison.grouping import assemble
from lengen.comparison.summary import summarize
from lengen.records.error_law import ErrorLaw
from lengen.report import sheet, tables
from lengen.statistics.estimates import Estimate
from studies import write_run

SHARES = [1.0, 0.99, 0.8, 0.3]


def power(growth, half=20.0, follow="length"):
    """A power law; half None: beyond the sweep."""
    predicted = {5: 1.0, 10: 0.99, 20: 0.8, 40: 0.6 if half is None else 0.3}
    estimates = {"error_rate": Estimate(0.001 * growth, 0.0, 1.0), "growth": Estimate(growth, 0.0, 9.0)}
    half_length = None if half is None else Estimate(half, 0.0, 99.0)
    return ErrorLaw(
        "power", "", **estimates, half_length=half_length, errors_follow=follow, predicted=predicted
    )


STEP, CEILING = ErrorLaw(None, "curve is a step"), ErrorLaw(None, "at the ceiling: error rate below 0.001")
CONSTANT = ErrorLaw("constant", "", error_rate=Estimate(0.5, 0.4, 0.6), errors_follow="place")


def write_runs(root, laws):
    """A cell whose seeds have these laws."""
    for seed, law in enumerate(laws):
        write_run(root, seed, SHARES, facts={"error_law": law.facts} if law else {})


def summary(root, laws):
    """The row of such a cell, and the tables as Markdown."""
    write_runs(root, laws)
    study = assemble(find([str(root)]))
    found = summarize(study, SuccessCriterion())
    return found.summaries[0], tables.markdown(study, found, SuccessCriterion(), "laws")


def test_medians_are_over_the_seeds_of_the_most_frequent_law(lengen, tmp_path, monkeypatch):
    monkeypatch.setattr(sheet, "DOTS", 60)  # drawn fast
    laws = [power(growth) for growth in (3, 1, 2, 5)] + [power(4, follow="place"), STEP, CEILING, CONSTANT]
    write_runs(tmp_path / "runs", laws)
    ran = lengen("compare", f"runs={tmp_path / 'runs'}", "out=out")
    assert ran.code == 0, ran.err
    with (tmp_path / "out" / "table.csv").open() as file:
        row = next(row for row in csv.DictReader(file) if row["runs"] == "all")
    assert row["laws"] == "power 5; at the ceiling 1; constant 1; curve is a step 1"
    assert row["law"] == "power"
    assert [float(row[name]) for name in ("growth", "growth_low", "growth_high")] == [3.0, 1.0, 5.0]
    assert float(row["error_rate"]) == pytest.approx(0.003)
    assert float(row["half_length"]) == 20.0
    assert row["horizon"] == row["horizon_low"] == ""
    assert row["errors_follow"] == "length 4; place 1"
    text = (tmp_path / "out" / "table.md").read_text()
    assert "| error law | error rate | growth | half at |" in text
    assert (
        "| power 5; at the ceiling 1; constant 1; curve is a step 1 | 0.0030 [0.0010, 0.0050] | 3.00 [1.00, 5.00] |"
        in text
    )
    assert "power 5; at the ceiling 1" in (tmp_path / "out" / "page.html").read_text()


def test_few_seeds_have_no_interval_and_half_lengths_may_lie_beyond(tmp_path):
    row, _ = summary(tmp_path, [power(1, None), power(2, None), power(3), STEP])
    assert (row.growth, row.growth_low, row.half_length) == (2.0, None, None)
    assert row.laws == "power 3; curve is a step 1"


@pytest.mark.parametrize("laws", [[None, None], [STEP, STEP]])
def test_columns_without_a_number_are_left_out_of_the_text(tmp_path, laws):
    row, text = summary(tmp_path, laws)
    assert row.laws == ("curve is a step 2" if laws[0] else "")
    assert (row.law, row.growth, row.errors_follow) == ("", None, "")
    assert ("| error law |" in text) == bool(laws[0])
    assert "| growth |" not in text
