"""The pooled table is the mean over seeds of the tables of the runs, and its p-value that of all sign flips."""

import csv

import numpy as np
import pytest
from tests.conftest import TINY, run_folders, train

from lengen.analysis.pooled_extensions import (
    RunTable,
    area_change,
    markdown,
    of_other_cells,
    pooled,
    printed,
    write,
)


def test_area_from_the_trained_length_on():
    rows = [{"length": str(n), "difference": str(d)} for n, d in ((5, 0.9), (10, 0.0), (20, 0.2), (40, 0.4))]
    assert area_change(rows, 10) == pytest.approx(0.1 + 0.3)  # two doublings, trapezia of 0.1 and 0.3
    assert area_change(rows[:2], 10) is None


def run_rows(lost, won, inactive, base=1.0):
    """The table of a run with one setting, 60 ID strings, and two lengths beyond training."""
    return [
        {
            "setting": "sharpen", "fit": "exact", "refused": None, "id_examples": 60, "id_lost": lost, "id_won": won, "length": n,
            "base_id_exact_match": base, "id_exact_match": base + (won - lost) / 60, "split": "ood", "exact_match": 0.5,
            "base_exact_match": 0.4, "difference": 0.1, "inactive": inactive,
        }
        for n in (6, 8)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "marked"),
    [
        ([(1, 0), (0, 0)], False),
        ([(3, 0), (3, 0)], True),
        ([(6, 0), (0, 6)], False),
        ([(60, 0), (0, 0)], True),
    ],
)
def test_a_loss_of_id_exact_match_is_marked_where_its_strings_are_enough(changes, marked):
    cell = {"task": "copy", "pe": "rope", "positions": "contiguous", "attention": "softmax", "decoder": "tiny", "cell": "0", "stress": ""}  # fmt: skip
    rows = [*pooled([RunTable(cell, 5, run_rows(*change, 0)) for change in changes])]
    assert rows[0]["id_lost"] == sum(lost for lost, _ in changes)
    text = "\n".join(markdown(rows, 0))
    assert ("**-" in text) == marked
    shown = "\n".join(printed(rows, 2))
    assert ("COSTS ID" in shown) == marked
    assert "60 strings a run" in shown
    assert "left out: 2" in shown
    (line,) = [line for line in shown.splitlines() if line.strip().startswith("sharpen")]
    assert line.split()[:5] == ["sharpen", "2", f"{np.mean([won - lost for lost, won in changes]) / 60:+.3f}", "+0.100", "+0.100"]  # fmt: skip


def test_a_setting_is_inactive_if_it_is_in_every_run():
    for flags, shown in (((1, 1), True), ((1, 0), False)):
        rows = [*pooled([RunTable({"task": "copy", "pe": "rope", "positions": "contiguous", "attention": "softmax", "decoder": "tiny", "cell": "0", "stress": ""}, 5, run_rows(0, 0, flag)) for flag in flags])]  # fmt: skip
        assert ("inactive" in "\n".join(printed(rows, 0))) == shown


def test_a_figure_of_every_cell_to_which_something_applies(tmp_path):
    """A cell whose settings are all refused has its row in the table, and no figure."""
    cell = {"task": "copy", "pe": "rope", "positions": "contiguous", "attention": "softmax", "decoder": "tiny", "cell": "0", "stress": ""}  # fmt: skip
    other = {**cell, "pe": "nope", "cell": "1"}
    refused = [{"setting": "yarn", "refused": "does not apply"}]
    rows = [*pooled([RunTable(cell, 5, run_rows(0, 0, 0)), RunTable(other, 5, refused)])]
    names = write(rows, 0, tmp_path, {"0": 5, "1": 5})
    assert names == ["extend.md", "extend.csv", "extend-copy-rope.png"]
    assert {path.name for path in tmp_path.iterdir()} == {*names}
    assert "copy, nope, 0 trained seeds" in (tmp_path / "extend.md").read_text()


def test_cells_without_a_trained_run_are_shown_and_marked():
    cell = {"task": "copy", "pe": "rope", "positions": "contiguous", "attention": "softmax", "decoder": "tiny", "cell": "0", "stress": ""}  # fmt: skip
    found = [RunTable(cell, 5, run_rows(0, 0, 0))]
    others = [
        RunTable(cell, 5, run_rows(9, 0, 0), trained=False),
        *(RunTable({**cell, "pe": "nope", "cell": "1"}, 5, run_rows(0, won, 0), trained=False) for won in (3, 9)),
    ]  # fmt: skip
    alone = of_other_cells(others, found)
    assert alone == others[1:]
    shown = [*printed([*pooled(found)], len(others), [*pooled(alone)])]
    heads = [line for line in shown if line.startswith("copy, ")]
    assert heads[0].startswith("copy, rope, 1 trained seed; ")
    assert heads[1].startswith("copy, nope, 2 NOT TRAINED seeds; ")
    numbers = [line.split()[:3] for line in shown if line.strip().startswith("sharpen")]
    assert numbers == [["sharpen", "1", "+0.000"], ["sharpen", "2", "+0.100"]]
    assert "left out: 3, but for cells without a trained run" in shown[-1]
    assert of_other_cells(others, []) == others


@pytest.mark.long
@pytest.mark.whole_run
def test_untrained_runs_print_what_was_measured_and_are_marked(lengen, tmp_path):
    train(tmp_path, ("-m", "task=copy", "pe=nope", "seed=0,1", "jobs=1", *TINY))
    words = ("eval", "run=results/runs", "jobs=1", "lengths=[3,6]")
    ran = lengen(*words, "extend=[sharpen]")
    assert ran.code == 0, ran.err
    assert "2 NOT TRAINED seeds; without extension: 3: 0." in ran.out
    assert [line.split()[1] for line in ran.out.splitlines() if line.strip().startswith("sharpen")] == ["2"]
    for _ in range(2):  # the second time, all is there already
        ran = lengen(*words)
        lines = [line for line in ran.out.splitlines() if " of 2: " in line]
        assert len(lines) == 2
        assert all("NOT TRAINED: exact match 0." in line for line in lines)
    assert ran.out.count("is there already") == 2
    (run, _) = run_folders(tmp_path)
    ran = lengen("eval", f"run={run}", "lengths=[3,6]", "extend=[sharpen]")
    assert "NOT TRAINED: ID exact match" in ran.out


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
    assert "t5_reach" in next(line for line in ran.out.splitlines() if "do not apply" in line)
    assert lengen("eval", "run=results/runs", *words).out.count("sharpen(factor=3.0)") == 1
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
