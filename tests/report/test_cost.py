"""The figure of cost: memory of a run alone, or none."""

from dataclasses import replace

import pytest

from lengen.comparison.grouping import assemble
from lengen.records.curve import Curve
from lengen.report import cost, tables
from report.test_page import run


def study(memory):
    """Two seeds whose runs took some memory of their own, in a process that held much more."""
    made = [run(seed, (1, 1, 0.9, 0.5, 0.1)) for seed in range(2)]
    return assemble(
        replace(
            one,
            curve=Curve(tuple(replace(row, memory_bytes=memory, peak_bytes=2**33) for row in one.curve.rows)),
        )
        for one in made
    )


def test_memory_is_that_of_the_run_and_not_of_its_process(figures, tmp_path):
    cost.draw(study(3 * 2**20).panels[0], tmp_path / "cost")
    time, memory = figures[0].axes
    assert [list(line.get_ydata()) for line in memory.lines] == [[3.0] * 5]
    assert [list(line.get_ydata()) for line in time.lines] == [pytest.approx([0.123456789] * 5)]


def test_runs_that_did_not_record_it_have_none(figures, tmp_path):
    cost.draw(study(None).panels[0], tmp_path / "cost")
    (time,) = figures[0].axes
    assert "did not record" in " ".join(figures[0].texts[1].get_text().split())
    assert time.get_xlabel() == "length"


def test_a_table_without_memory_has_no_column_of_it():
    from lengen.comparison.cell_summary import SuccessCriterion
    from lengen.comparison.summary import summarize

    for memory, told in ((None, False), (2**20, True)):
        rows = summarize(study(memory), SuccessCriterion()).summaries
        assert ("MiB" in tables.columns(rows)) is told
