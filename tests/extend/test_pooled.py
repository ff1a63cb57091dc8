"""The pooled table is the mean over seeds of the tables of the runs, and its p-value that of all sign flips."""

import csv

import numpy as np
import pytest
from tests.conftest import TINY, run_folders, train

from lengen.analysis.pooled_extensions import area_change


def test_area_from_the_trained_length_on():
    rows = [{"length": str(n), "difference": str(d)} for n, d in ((5, 0.9), (10, 0.0), (20, 0.2), (40, 0.4))]
    assert area_change(rows, 10) == pytest.approx(0.1 + 0.3)  # two doublings, trapezia of 0.1 and 0.3
    assert area_change(rows[:2], 10) is None


@pytest.mark.whole_run
def test_runs_of_two_seeds(lengen, tmp_path, monkeypatch):
    monkeypatch.setattr("lengen.analysis.pooled_extensions.TRAINED", 0.0)
    train(tmp_path, ("-m", "task=copy", "pe=nope", "seed=0,1", "jobs=1", *TINY))
    words = (
        "extend=[sharpen,t5_reach]",
        "each=true",
        "grid.sharpen.factor=[1.5,3.0]",
        "lengths=[3,5,6]",
        "jobs=1",
    )
    ran = lengen("eval", "run=results/runs", *words, "out=pool")
    assert ran.code == 0, ran.err
    with (tmp_path / "pool" / "extend.csv").open() as file:
        rows = list(csv.DictReader(file))
    tables = []
    for run in run_folders(tmp_path):
        (path,) = run.glob("eval/extend-*/extend.csv")
        with path.open() as file:
            tables.append(list(csv.DictReader(file)))
    assert {row["setting"] for row in rows} == {"sharpen(factor=1.5)", "sharpen(factor=3.0)", "t5_reach"}
    for row in rows:
        if row["setting"] == "t5_reach":
            assert row["refused"] == "does not apply to pe=nope (it needs pe=t5)"
            continue
        same = [
            float(each["difference"])
            for table in tables
            for each in table
            if (each["setting"], each["length"]) == (row["setting"], row["length"])
        ]
        assert len(same) == int(row["seeds"]) == 2
        assert float(row["difference"]) == pytest.approx(np.mean(same))
        assert (float(row["least_difference"]), float(row["largest_difference"])) == (min(same), max(same))
    assert (tmp_path / "pool" / "extend.md").read_text().count("| sharpen(factor") == 2


def test_one_run_has_no_table_over_seeds(lengen, tmp_path):
    ran = lengen("eval", "run=none", "extend=yarn", "out=pool")
    assert ran.code == 2
    assert len(ran.err.strip().splitlines()) == 1
