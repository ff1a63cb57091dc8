"""A run's checkpoint, curve and facts are its own: no other run's checkpoint, and no rows of two devices."""

import json
import shutil

import pytest
import torch

from conftest import TINY, run_folders
from lengen.records.curve import Curve
from lengen.records.run_dir import EvalFolder, RunFolder
from lengen.training.checkpoint import parameters_digest, read_checkpoint

RUN = ("train", "task=copy", *TINY)


def facts(folder):
    return json.loads((folder / "run.json").read_text())


@pytest.mark.long
def test_a_digest_of_the_parameters_tells_copies(lengen, tmp_path):
    for words in (["seed=0"], ["seed=1"], ["seed=0", "results_dir=results/again"], ["seed=0", "init_seed=0"]):
        assert lengen(*RUN, *words).code == 0
    found = {
        (folder.parts[-5], folder.name): facts(folder)
        for folder in (path.parent for path in tmp_path.glob("results/*/*/*/*/*/run.json"))
    }
    digests = {name: each["parameters_digest"] for name, each in found.items()}
    assert len(digests) == 4
    one = [digest for (_, seed), digest in digests.items() if seed != "seed=1"]
    (other,) = [digest for (_, seed), digest in digests.items() if seed == "seed=1"]
    assert len(set(one)) == 1
    assert other not in one
    assert all(each["devices"] == [each["device"]] == [each["sweep_device"]] for each in found.values())
    ran = lengen("compare", "runs=results", "out=out")
    assert ran.code == 0, ran.err
    assert "is a copy of" in (tmp_path / "out" / "left_out.csv").read_text()


def test_the_digest_sees_every_bit():
    state = {"a": torch.zeros(3), "b": torch.tensor(1.0)}
    digest = parameters_digest(state)
    assert digest == parameters_digest(dict(reversed(state.items())))
    assert digest != parameters_digest({**state, "a": torch.tensor([0.0, 0.0, 1e-38])})
    assert digest != parameters_digest({**state, "a": torch.zeros(1, 3)})
    assert digest != parameters_digest({**state, "a": torch.zeros(3, dtype=torch.bfloat16)})
    assert digest != parameters_digest({"a": state["a"], "c": state["b"]})


@pytest.mark.parametrize("name", ["last", pytest.param("best", marks=pytest.mark.long)])
def test_the_checkpoint_of_another_run_is_refused(lengen, tmp_path, name):
    assert lengen(*RUN, "-m", "seed=0,1").code == 0
    ours, theirs = map(RunFolder, run_folders(tmp_path))
    assert read_checkpoint(ours.best)["run"] == {"cell": facts(ours.path)["cell"], "seed": "seed=0"}
    shutil.copy(getattr(theirs, name), getattr(ours, name))
    ran = lengen("eval", f"run={ours.path}", "lengths=[2]", f"checkpoint={name}")
    assert ran.code == 2
    assert len(ran.err.splitlines()) == 1
    assert f"{name}.ckpt is a checkpoint of another run" in ran.err
    assert "seed=1 (this run: " in ran.err
    (ours.path / "run.json").write_text(json.dumps({**facts(ours.path), "status": "interrupted"}))
    resumed = lengen(*RUN, "seed=0", f"eval.checkpoint={name}")
    if name == "last":
        assert resumed.code == 2
        assert "is a checkpoint of another run" in resumed.err


def test_rows_of_another_device_are_evaluated_again(lengen, tmp_path):
    assert lengen(*RUN).code == 0
    (path,) = run_folders(tmp_path)
    folder = RunFolder(path)
    whole = folder.load_curve()
    Curve(whole.rows[:2]).save(folder.curve)
    folder.record({"status": "interrupted", "sweep_device": "another"})
    folder.sweep_on("another")
    assert len(folder.load_curve()) == 2
    assert lengen(*RUN).code == 0
    again = folder.load_curve()
    assert [row.exact_match for row in again.rows] == [row.exact_match for row in whole.rows]
    assert [row.seconds for row in again.rows] != [row.seconds for row in whole.rows]
    assert facts(path)["sweep_device"] == facts(path)["device"]


def test_a_sweep_goes_on_where_it_was_on_the_same_device(tmp_path):
    folder = EvalFolder(tmp_path / "eval")
    folder.create("", {})
    folder.curve.write_text("rows")
    for device, kept in (("cpu", True), ("cpu", True), ("gpu", False)):
        folder.sweep_on(device)
        assert folder.curve.exists() is kept
