"""A run with any value of its files damaged is read as it is, or left out with a reason on one line; it stops nothing."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from lengen.comparison.cell_summary import SuccessCriterion
from lengen.comparison.find_runs import find
from lengen.comparison.grouping import assemble
from lengen.comparison.pairs import PairOptions
from lengen.comparison.run_record import Excluded, RunRecord
from lengen.comparison.summary import summarize
from lengen.records.error_law import ErrorLaw
from lengen.report import csv_tables, page, tables
from studies import write_run

GOOD = [1.0, 1.0, 0.6, 0.1]
RUNS = Path(__file__).parents[1] / "old_runs" / "runs"
VALUES: tuple[Any, ...] = (
    None,
    "text",
    "",
    [1],
    [],
    {"a": 1},
    {},
    -1,
    0,
    1.5,
    True,
    math.nan,
    math.inf,
    10**30,
)
FACTS = {
    "cell": "c000000001",
    "identity": {"train_length": 10, "task": {"class": "Copy"}, "eval": {"options": {"lengths": [5]}}},
    "git": {"commit": "1" * 40, "dirty": False},
    "versions": {"torch": "2"},
    "device": "cpu",
    "category": "A",
    "trained_lengths": [1, 2],
    "sources": {"mine.py": {"path": "mine.py", "hash": "0"}},
    "parameters_digest": "0",
    "error_law": {
        "law": "power",
        "note": "",
        "growth": {"value": 1.0, "low": 0.5, "high": 2.0, "note": ""},
        "predicted": {"5": 1.0},
        "fits": {"power": {"bic": 1.0}},
    },
}


def places(node: Any, head: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of all values in nested plain values."""
    for key in node if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ():
        yield (*head, key)
        yield from places(node[key], (*head, key))


def changed(node: Any, place: tuple[Any, ...], value: Any) -> Any:
    """A copy with the value at a path replaced, or without it if the value is `...`."""
    copy = json.loads(json.dumps(node))
    inner = copy
    for key in place[:-1]:
        inner = inner[key]
    if value is ...:
        del inner[place[-1]]
    else:
        inner[place[-1]] = value
    return copy


def compared(found: list[RunRecord | Excluded], folder: Path) -> None:
    """Everything that a comparison makes of runs, but the figures."""
    study = assemble(found)
    criterion = SuccessCriterion(0.9, "2x")
    summary = summarize(study, criterion, PairOptions(0.25, None))
    csv_tables.write(study, summary, folder.joinpath)
    tables.markdown(study, summary, criterion, "title")
    page.write(study, folder / "page.html", title="title", tables=tables.blocks(study, summary))
    for run in study.runs:
        ErrorLaw.of(run.facts)


@pytest.mark.parametrize("name", ["run.json", "config.yaml"])
@pytest.mark.parametrize("identified", [True, False])
def test_one_wrong_value_stops_no_comparison(tmp_path, monkeypatch, name, identified):
    monkeypatch.setattr(page, "_library", lambda: "")
    facts = FACTS if identified else {key: value for key, value in FACTS.items() if key != "identity"}
    good = write_run(tmp_path / "good", 1, GOOD, facts=facts)
    bad = write_run(tmp_path / "bad", 0, GOOD, facts={**facts, "parameters_digest": "1"})
    file = bad / name
    whole = yaml.safe_load(file.read_text())
    dump = json.dumps if name == "run.json" else yaml.safe_dump
    every = [(place, value) for place in places(whole) for value in (..., *VALUES)]
    left_out = 0
    for place, value in random.Random(0).sample(every, 120):
        file.write_text(dump(changed(whole, place, value)))
        found = list(find([str(tmp_path / "good"), str(tmp_path / "bad")]))
        assert found[0].place == str(good)
        assert len(found) == 2
        if isinstance(found[1], Excluded):
            left_out += 1
            assert found[1].place == str(bad)
            assert len(found[1].reason.splitlines()) == 1
            assert len(found[1].reason) < 400
        else:
            compared(found, tmp_path)
    assert 20 < left_out < 110


@pytest.mark.parametrize("value", ["", "text", "-1", "nan", "inf", "1e400", "9" * 5000, "1.5", "\x00"])
def test_one_wrong_value_of_a_curve_stops_no_comparison(tmp_path, value):
    folder = write_run(tmp_path, 0, GOOD)
    curve = folder / "curve.csv"
    header, *rows = (line.split(",") for line in curve.read_text().splitlines())
    for column in range(len(header)):
        lines = [header, *rows[:1], [*rows[1][:column], value, *rows[1][column + 1 :]], *rows[2:]]
        curve.write_text("".join(f"{','.join(line)}\n" for line in lines))
        (found,) = find([str(tmp_path)])
        if isinstance(found, Excluded):
            assert len(found.reason.splitlines()) == 1


@pytest.mark.parametrize(
    "name", ["length", "example", "exact", "first_error", "wrong_tokens", "ending", "answer_tokens"]
)
@pytest.mark.parametrize("values", [["a"], [None], [1.5], [[1]], [{"a": 1}], [b"\xff"], [2**40]])
def test_one_wrong_column_of_verdicts_stops_no_comparison(tmp_path, name, values):
    import pyarrow as pa
    from pyarrow import parquet

    from lengen.records.verdicts import StringVerdicts, write_verdicts

    folder = write_run(tmp_path, 0, GOOD)
    nothing = np.zeros(3, dtype=np.int32)
    write_verdicts(
        folder / "verdicts.parquet",
        {5: StringVerdicts(nothing == 0, nothing - 1, nothing, nothing, nothing + 2)},
    )
    table = parquet.read_table(folder / "verdicts.parquet")
    column = table.column_names.index(name)
    parquet.write_table(table.set_column(column, name, pa.array(values * 3)), folder / "verdicts.parquet")
    (found,) = find([str(tmp_path)])
    assert isinstance(found, Excluded)
    assert len(found.reason.splitlines()) == 1
