"""Runs that an older lengen (commit f7aa24b) trained: they are compared and evaluated, and a new run shares their cell."""

import csv
import json
import shutil
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from lengen.comparison.find_runs import find
from lengen.records.curve import Curve
from lengen.records.eval_options import cell_identity

OLD = Path(__file__).with_name("old_runs")
RUNS = sorted(path.parent for path in OLD.glob("runs/*/*/*/*/run.json"))
SHARES = ("correct", "exact_match", "token_accuracy", "loss", "first_error")


@pytest.fixture
def old(tmp_path):
    """The runs, where something may be written beside them."""
    shutil.copytree(OLD / "runs", tmp_path / "old")
    return tmp_path / "old"


def test_there_are_three():
    assert [path.parts[-4] for path in RUNS] == ["addition", "copy", "passkey"]


@pytest.mark.parametrize("run", RUNS, ids=lambda path: path.parts[-4])
def test_an_evaluation_gives_the_same_numbers(lengen, old, run):
    task = run.parts[-4]
    place = old / run.relative_to(OLD / "runs")
    ran = lengen("eval", f"run={place}", "lengths=[3,5,7]", "decode=greedy", "examples=20")
    assert ran.code == 0, ran.err
    (found,) = place.glob("eval/*/curve.csv")
    now, before = Curve.load(found), Curve.load(OLD / "expected" / f"{task}.csv")
    assert now.lengths == before.lengths
    for length in now.lengths:
        for name in SHARES:
            assert getattr(now[length], name) == pytest.approx(getattr(before[length], name), abs=1e-5), name


@pytest.mark.parametrize("run", RUNS, ids=lambda path: path.parts[-4])
def test_the_same_command_gives_the_same_curve_in_the_same_cell(lengen, old, tmp_path, run):
    words = json.loads((run / "run.json").read_text())["command"].split(maxsplit=2)[2].replace("'", "")
    given = [
        word.strip('"') for word in words.split() if not word.startswith(("results_dir=", "eval.stress="))
    ]
    assert lengen("train", *given).code == 0
    (new,) = tmp_path.glob("results/runs/*/*/*/*/curve.csv")
    now, before = Curve.load(new), Curve.load(run / "curve.csv")
    assert [row.correct for row in now.rows] == [row.correct for row in before.rows]
    records = list(find([str(old / run.relative_to(OLD / "runs")), str(new.parent)]))
    assert len({record.cell for record in records}) == 1
    assert records[1].cell == new.parts[-3]


def test_a_comparison_takes_them_all(lengen, old, tmp_path):
    ran = lengen("compare", f"runs={old}", f"out={tmp_path / 'out'}", "mixed=true")
    assert ran.code == 0, ran.err
    with (tmp_path / "out" / "table.csv").open() as file:
        assert {row["task"].split()[0] for row in csv.DictReader(file)} == {"addition", "copy", "passkey"}
    assert not (tmp_path / "out" / "left_out.csv").exists()


def test_a_class_that_moved_keeps_its_identity():
    config = OmegaConf.to_container(OmegaConf.load(RUNS[0] / "config.yaml"))
    moved = {**config, "trainer": {**config["trainer"], "_target_": "lengen.training.options.TrainerOptions"}}
    assert config["trainer"]["_target_"] == "lengen.training.TrainerOptions"
    assert cell_identity(config) == cell_identity(moved)
