"""Tables of a read-out over several runs: rows of every run, and means over the seeds of a cell."""

import csv
import re

import numpy as np
import pytest
from tests.options import files, read

from cli.test_main import refused
from conftest import TINY, read_rows, run_folders, train
from lengen.analysis.cell_of import RunOf
from lengen.analysis.inspect import Line, Panel
from lengen.analysis.pooled_read_outs import RUN, RunTables, cells, pooled_panels, summary

CELL = {"task": "copy", "pe": "rope", "positions": "contiguous", "attention": "softmax", "cell": "0", "stress": ""}  # fmt: skip


def runs(values, id_exact_match=1.0):
    """One run for each seed, whose table has two heads at each of two lengths."""
    return [
        RunTables(
            RunOf(CELL, seed, 5, id_exact_match),
            {
                "t": [
                    {"length": n, "head": h + 1, "x": values[seed, i, h], "name": "a"}
                    for i, n in enumerate((5, 9))
                    for h in range(2)
                ]
            },
            "",
        )
        for seed in range(len(values))
    ]


def test_heads_are_averaged_in_a_run_and_runs_over_seeds():
    values = np.random.default_rng(0).normal(size=(3, 2, 2))
    found = [*summary(runs(values), "t", ("length", "head", "x", "name"), ("length", "head"))]
    assert [row["length"] for row in found] == [5, 9]
    for i, row in enumerate(found):
        means = [sum(values[seed, i]) / 2 for seed in range(3)]
        assert row["x"] == pytest.approx(sum(means) / 3)
        assert (row["least_x"], row["largest_x"]) == pytest.approx((min(means), max(means)))
        assert row["seeds"] == 3
        assert "head" not in row
        assert "name" not in row


def test_numbers_that_are_missing_or_have_no_mean_are_left_out():
    made = runs(np.array([[[np.inf, -np.inf]] * 2, [[1.0, 3.0]] * 2]))
    made[1].tables["t"][0]["x"] = None
    first, second = summary(made, "t", ("length", "head", "x"), ("length", "head"))
    assert (first["x"], second["x"]) == (3, 2)
    assert first["seeds"] == 2


def test_runs_that_are_not_trained_are_in_no_summary():
    assert cells(runs(np.zeros((2, 2, 2)), id_exact_match=0.3)) == []
    assert [len(each) for each in cells(runs(np.zeros((2, 2, 2))))] == [2]


def test_lines_of_a_label_have_the_mean_of_the_places_that_all_seeds_have():
    figures = [
        [Panel("p", "x", "y", [Line("a", [1, 2, 3], [0, 2, 4]), Line("b", [1], [1])], trained=2)],
        [Panel("p", "x", "y", [Line("a", [2, 3, 4], [4, 4, 0])], trained=2)],
    ]
    (panel,) = pooled_panels(figures)
    line, other = panel.lines
    assert (line.x, line.y, line.low, line.high) == ([2, 3], [3, 4], [2, 4], [4, 4])
    assert (other.label, other.y, panel.trained) == ("b", [1], 2)


@pytest.mark.parametrize("path", files("inspect"), ids=lambda path: path.stem)
def test_every_read_out_says_what_its_rows_are_of(path):
    kind, _ = read(path)
    for name, columns in kind.tables.items():
        assert set(columns) & set(kind.by), name
        assert not set(columns) & set(RUN), name


@pytest.mark.long
@pytest.mark.whole_run
def test_one_command_for_every_run(lengen, tmp_path, monkeypatch):
    monkeypatch.setattr("lengen.analysis.pooled_read_outs.TRAINED", 0.0)
    train(tmp_path, ("-m", "task=reverse", "pe=nope,alibi", "seed=0,1", "jobs=1", *TINY))
    words = ("run=results/runs", "inspect=stopping", "lengths=[3,5,6]", "examples=8", "jobs=1")
    ran = lengen("eval", *words, "out=pool")
    assert ran.code == 0, ran.err
    rows, spread = read_rows(tmp_path / "pool" / "stopping.csv"), read_rows(tmp_path / "pool" / "stopping_summary.csv")  # fmt: skip
    assert list(rows[0])[:6] == ["task", "pe", "positions", "attention", "cell", "seed"]
    assert len(rows) == 4 * 3
    for run in run_folders(tmp_path):
        (path,) = run.glob("eval/stopping-*/stopping.csv")
        with path.open() as file:
            own = list(csv.DictReader(file))
        cell, seed = run.parent.name, run.name.removeprefix("seed=")
        found = [row for row in rows if row["cell"].startswith(cell[:7]) and row["seed"] == seed]
        assert [{name: row[name] for name in own[0]} for row in found] == own
    assert len(spread) == 2 * 3
    for row in spread:
        same = [
            float(each["exact_match"])
            for each in rows
            if (each["pe"], each["length"]) == (row["pe"], row["length"])
        ]
        assert len(same) == int(row["seeds"]) == 2
        assert float(row["exact_match"]) == pytest.approx(np.mean(same))
        assert (float(row["least_exact_match"]), float(row["largest_exact_match"])) == (min(same), max(same))
    page = (tmp_path / "pool" / "stopping.md").read_text()
    assert len(re.findall(r"^- seed", page, re.MULTILINE)) == 4
    assert {path.name for path in (tmp_path / "pool").glob("*.png")} == {
        "stopping-reverse-alibi.png",
        "stopping-reverse-nope.png",
    }
    assert lengen("eval", *words, "out=pool").code == 0
    refused(lengen("eval", "run=results/runs/*/nope/*/seed=0", "inspect=stopping", "out=pool"), "out=pool", "more than one run")  # fmt: skip
