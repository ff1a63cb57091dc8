"""A run goes on from another one with more steps, and says so; nothing starts anew in silence."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from conftest import TINY, read_rows, train
from lengen.optimizer import Schedule

WORDS = ("task=copy", *TINY)
CONSTANT = ("optimizer.schedule.final=1", "optimizer.schedule.warmup=3")


def folder(steps: int) -> Path:
    """The run with some steps."""
    (found,) = [
        path.parent
        for path in Path("results/runs").glob("*/*/*/seed=0/run.json")
        if f"\nsteps: {steps}\n" in (path.parent / "config.yaml").read_text()
    ]
    return found


def state(run: Path, name: str = "last") -> dict:
    """Parameters and optimizer state of a checkpoint."""
    return torch.load(run / "checkpoints" / f"{name}.ckpt", weights_only=True)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with one finished run."""
    root = tmp_path_factory.mktemp("trained")
    train(root, WORDS)
    return root


def flat(node: object) -> list:
    """The leaves of nested values."""
    if isinstance(node, dict):
        return [leaf for key in sorted(node, key=str) for leaf in flat(node[key])]
    return [leaf for part in node for leaf in flat(part)] if isinstance(node, (list, tuple)) else [node]


@pytest.mark.parametrize("optimizer", ["muon", pytest.param("adamw", marks=pytest.mark.long)])
def test_with_a_constant_schedule_two_halves_are_the_whole(lengen, optimizer):
    words = (*WORDS, *CONSTANT, f"optimizer={optimizer}")
    assert lengen("train", *words, "steps=40", "results_dir=whole").code == 0
    assert lengen("train", *words).code == 0
    half = folder(20)
    ran = lengen("train", *words, "steps=40", f"from={half}")
    assert ran.code == 0, ran.err
    assert (
        f"lengen: goes on from step 20 of {half}: the learning rate follows the schedule of 40 steps"
        in ran.out
    )
    continued = folder(40)
    (whole,) = Path("whole").glob("*/*/*/seed=0")
    assert continued.parent.name not in (whole.parent.name, half.parent.name)  # a cell of its own
    ours, theirs = state(continued), state(whole)
    for key in ("state_dict", "optimizer_states", "lr_schedulers", "global_step"):
        for a, b in zip(flat(ours[key]), flat(theirs[key]), strict=True):
            assert torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b
    columns = ("step", "loss", "lr", "id_exact_match", "ood_loss")
    rows = [
        [[row[name] for name in columns] for row in read_rows(run / "train.csv")]
        for run in (continued, whole)
    ]
    assert rows[0] == rows[1]
    assert state(continued, "best")["global_step"] == state(whole, "best")["global_step"]
    facts = json.loads((continued / "run.json").read_text())
    first = json.loads((half / "run.json").read_text())
    assert facts["continued"]["parameters_digest"] == first["parameters_digest"]
    assert facts["continued"]["step"] == facts["protocol"]["continued_from_step"] == 20
    assert facts["identity"]["from"] == {"parameters": first["parameters_digest"], "step": 20}
    assert facts["parameters_digest"] == json.loads((whole / "run.json").read_text())["parameters_digest"]
    assert facts["coverage"]["steps"] == 40


@pytest.mark.long
def test_the_schedule_is_that_of_all_steps_from_there_on(lengen):
    assert lengen("train", *WORDS).code == 0
    assert lengen("train", *WORDS, "steps=40", f"from={folder(20)}").code == 0
    rates = {int(row["step"]): float(row["lr"]) for row in read_rows(folder(40) / "train.csv")}
    schedule = Schedule()
    for step, of in ((15, 20), (25, 40), (40, 40)):
        assert rates[step] == pytest.approx(0.02 * schedule.factor(step, of)) or step < 20
    # a row has the rate of the step to come
    assert rates[25] == pytest.approx(0.02 * schedule.factor(25, 40))


def test_more_steps_without_from_say_that_they_start_anew(lengen):
    assert lengen("train", *WORDS).code == 0
    half = folder(20)
    ran = lengen("train", *WORDS, "steps=40")
    assert ran.code == 0
    assert f"lengen: {half} has 20 of these 40 steps: from={half} goes on there" in ran.out
    assert "goes on there" not in lengen("train", *WORDS, "steps=40").out  # it is finished
    assert "goes on there" not in lengen("train", *WORDS, "steps=10").out


@pytest.mark.long
def test_the_folder_of_a_cell_serves_all_its_seeds_and_the_trainer_may_differ(lengen):
    assert lengen("train", *WORDS).code == 0
    half = folder(20)
    words = (*WORDS, "steps=30", f"from={half.parent}", "trainer.accumulate=2", "eval.examples=40")
    ran = lengen("train", *words)
    assert ran.code == 0, ran.err
    assert json.loads((folder(30) / "run.json").read_text())["continued"]["run"] == str(half)
    assert "is finished already" in lengen("train", *words).out
    ran = lengen("train", *words, "seed=1")
    assert ran.code == 2
    assert "or one with a run seed=1" in ran.err
    assert lengen("eval", f"run={folder(30)}", "lengths=[4]").code == 0


@pytest.mark.long
def test_a_run_that_went_on_is_not_trained_anew_when_its_checkpoint_is_lost(lengen):
    assert lengen("train", *WORDS).code == 0
    words = (*WORDS, "steps=30", f"from={folder(20)}")
    assert lengen("train", *words).code == 0
    longer = folder(30)
    facts = json.loads((longer / "run.json").read_text())
    (longer / "run.json").write_text(json.dumps({**facts, "status": "interrupted"}))
    (longer / "checkpoints" / "last.ckpt").write_bytes(b"torn")
    assert lengen("train", *words).code == 0
    again = json.loads((longer / "run.json").read_text())
    assert again["resumed_from_step"] == 20
    assert again["parameters_digest"] == facts["parameters_digest"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("steps=20",), "steps=20 with from="),
        (("steps=40", "pe=rope"), "pe.class is RoPE, was NoPE"),
        (("steps=40", "task=reverse"), "task.class is Reverse, was Copy"),
        (("steps=40", "optimizer=adamw"), "optimizer.class is AdamW, was Muon"),
        (("steps=40", "batch_size=8"), "batch_size is 8, was 16"),
        (("steps=40", "seed=1"), "the seeds are seed=1, were seed=0"),
        (("steps=40", "from=nowhere"), "from=nowhere: must be the folder of a run"),
    ],
)
def test_what_is_no_continuation_is_refused(lengen, tmp_path, trained, words, message):
    shutil.copytree(trained / "results", tmp_path / "results")
    ran = lengen("train", *WORDS, f"from={folder(20)}", *words)
    assert ran.code == 2
    assert message in ran.err
    assert len(ran.err.splitlines()) == 1
    assert len([*Path("results/runs").glob("*/*/*/seed=*")]) == 1


def test_a_run_whose_checkpoint_is_gone_is_refused(lengen, tmp_path, trained):
    shutil.copytree(trained / "results", tmp_path / "results")
    half = folder(20)
    (half / "checkpoints" / "last.ckpt").unlink()
    ran = lengen("train", *WORDS, "steps=40", f"from={half}")
    assert ran.code == 2
    assert "there is no checkpoints/last.ckpt to go on from (trainer.keep)" in ran.err
