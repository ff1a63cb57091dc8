"""The loop of a run on one device does what Lightning's does, and leaves the same checkpoints."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.optim.lr_scheduler import LambdaLR

from conftest import TINY, read_rows, run_folders
from experiment.test_run import same
from lengen.optimizer import Schedule
from lengen.training import fit
from lengen.training.epoch_loop import OneDeviceLoop

OPTIONS = (
    (),
    pytest.param(("trainer.clip=0",), marks=pytest.mark.long),
    ("trainer.precision=bf16",),
    pytest.param(("decoder.dropout=0.1",), marks=pytest.mark.long),
    pytest.param(("pe=seqpe",), marks=pytest.mark.long),
    pytest.param(("optimizer=adamw", "loops=uniform", "decoder.loops=2"), marks=pytest.mark.long),
)
LOSSES = ("step", "loss", "lr", "id_loss", "ood_loss")


def of_lightning(trainer):
    """The loop that Lightning's trainer has."""
    return trainer.fit_loop.epoch_loop


def left(root: Path) -> tuple[list, list]:
    """The rows of the log, and the checkpoints without seconds, of the run in a folder."""
    (folder,) = run_folders(root)
    rows = [[row[name] for name in LOSSES] for row in read_rows(folder / "train.csv")]
    checkpoints = []
    for name in ("last", "best"):
        contents = torch.load(folder / "checkpoints" / f"{name}.ckpt", weights_only=True)
        for state in contents.get("callbacks", {}).values():
            del state["seconds"]
            for row in state["rows"]:
                del row["tokens_per_second"]
        checkpoints.append(contents)
    return rows, checkpoints


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_it_does_what_lightnings_does(lengen, tmp_path, monkeypatch, options):
    words = ("task=copy", *TINY, *options)
    ran = lengen("train", *words)
    assert ran.code == 0, ran.err
    own = left(tmp_path)
    monkeypatch.setattr(fit, "OneDeviceLoop", of_lightning)
    (tmp_path / "results").rename(tmp_path / "before")
    assert lengen("train", *words).code == 0
    theirs = left(tmp_path)
    assert same(own, theirs)
    assert len(own[0]) > 2


@pytest.mark.parametrize("first", [OneDeviceLoop, of_lightning])
def test_each_goes_on_where_the_other_was_stopped(lengen, tmp_path, monkeypatch, first):
    words, note = ("task=copy", *TINY), fit.TrainingCallback.note
    assert lengen("train", *words).code == 0
    whole = left(tmp_path)
    (tmp_path / "results").rename(tmp_path / "before")

    def stopped(self, trainer, *arguments):
        note(self, trainer, *arguments)
        if trainer.global_step == 13:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(fit, "OneDeviceLoop", first)
        patched.setattr(fit.TrainingCallback, "note", stopped)
        assert lengen("train", *words).code == 130
    if first is OneDeviceLoop:
        monkeypatch.setattr(fit, "OneDeviceLoop", of_lightning)
    assert lengen("train", *words).code == 0
    assert same(left(tmp_path), whole)


def test_rates_are_those_of_a_scheduler_of_torch(lengen, tmp_path):
    """Every row has the rates of the step after it, as a scheduler would have set them."""
    assert lengen("train", "task=copy", *TINY, "trainer.log_every=1", "optimizer=adamw").code == 0
    (folder,) = run_folders(tmp_path)
    rates = [float(row["lr"]) for row in read_rows(folder / "train.csv")]
    weight = torch.nn.Parameter(torch.ones(1))
    optimizer = torch.optim.SGD([weight], lr=1e-3)
    scheduler = LambdaLR(optimizer, lambda step: Schedule().factor(step, 20))
    wanted = []
    for _ in rates:
        optimizer.step()
        scheduler.step()
        wanted.append(optimizer.param_groups[0]["lr"])
    assert rates == pytest.approx(wanted)
    assert len(set(rates)) > 10
