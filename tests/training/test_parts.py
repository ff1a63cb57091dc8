"""A batch that is divided trains what the whole batch trains: gradient accumulation, also where a run resumes."""

from __future__ import annotations

import pytest
import torch

from conftest import TINY, read_rows, run_folders
from lengen.evaluation.metrics import answer_loss
from lengen.training.batch_stream import Example, Parts

VARIED = ("task=addition", *TINY, "train_length=8", "lengths=cyclic", "batch_size=13", "trainer.log_every=1")
"""Lengths that differ within a batch, and a batch that no number of parts divides."""


def batch(rows=13, time=7):
    """Random tokens with answers of different sizes."""
    draws = torch.Generator().manual_seed(0)
    answer = torch.arange(time) >= torch.randint(1, time, (rows, 1), generator=draws)
    return Example(torch.randint(0, 5, (rows, time), generator=draws), answer, torch.arange(time)[None])


@pytest.mark.parametrize(("passes", "processes"), [(1, 1), (2, 1), (1, 3), (3, 2), (13, 1)])
def test_the_parts_are_the_batch_and_their_weighted_losses_its_loss(passes, processes):
    whole = batch()
    parts = [part for rank in range(processes) for part in Parts(passes, processes, rank).of(whole)]
    assert len(parts) == passes * processes
    rows = sorted(row.tolist() for part in parts for row in part.tokens)
    assert rows == sorted(whole.tokens.tolist())
    logits = torch.randn(13, 7, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    mine = {tuple(row.tolist()): each for row, each in zip(whole.tokens, logits, strict=True)}
    losses = [
        float(part.weight)
        * float(
            answer_loss(
                torch.stack([mine[tuple(row.tolist())] for row in part.tokens]), part.tokens, part.answer
            )
        )
        for part in parts
    ]
    assert sum(losses) / len(parts) == pytest.approx(
        float(answer_loss(logits, whole.tokens, whole.answer)), abs=1e-6
    )


def state(folder):
    """Parameters of the last checkpoint, as one vector."""
    saved = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    return torch.cat([weight.flatten() for _, weight in sorted(saved.items())])


def losses(folder):
    """The loss of every step."""
    return [float(row["loss"]) for row in read_rows(folder / "train.csv")]


@pytest.mark.parametrize("optimizer", ["muon", "adamw"])
def test_accumulated_gradients_train_the_same_parameters(lengen, tmp_path, optimizer):
    for passes in (1, 3):
        words = (f"optimizer={optimizer}", f"trainer.accumulate={passes}", f"results_dir=r{passes}")
        assert lengen("train", *VARIED, *words).code == 0
    one, three = (next((tmp_path / f"r{passes}").glob("*/*/*/seed=0")) for passes in (1, 3))
    assert one.parent.name == three.parent.name  # no part of a cell
    assert losses(three) == pytest.approx(losses(one), abs=1e-5)
    assert torch.allclose(state(three), state(one), atol=1e-5, rtol=0)
    assert not torch.equal(state(three), state(one))  # three passes are not one


def test_a_run_goes_on_with_another_number_of_passes(lengen, tmp_path, monkeypatch):
    from lengen.training.callback import TrainingCallback

    save = TrainingCallback._save

    def stop(callback, trainer):
        save(callback, trainer)
        if trainer.global_step == 5:
            raise KeyboardInterrupt

    assert lengen("train", *VARIED, "results_dir=whole").code == 0
    with monkeypatch.context() as patched:
        patched.setattr(TrainingCallback, "_save", stop)
        assert lengen("train", *VARIED).code == 130
    ran = lengen("train", *VARIED, "trainer.accumulate=2")  # an odd number of passes lies behind it
    assert ran.code == 0, ran.err
    (resumed,) = run_folders(tmp_path)
    (whole,) = (tmp_path / "whole").glob("*/*/*/seed=0")
    assert len(losses(resumed)) == 20
    assert losses(resumed) == pytest.approx(losses(whole), abs=1e-5)
    assert torch.allclose(state(resumed), state(whole), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("batch_size=3", "trainer.accumulate=4"), "batch_size=3: must be at least 4 with trainer.accumulate=4"),
        (("trainer.accumulate=0",), "trainer.accumulate=0: must be at least 1"),
        (("trainer.accumulate=2", "decoder.dropout=0.1"), "decoder.dropout=0.1 with trainer.accumulate=2"),
    ],
)  # fmt: skip
def test_what_cannot_be_divided_is_refused(lengen, words, message):
    ran = lengen("train", "task=copy", *TINY, *words)
    assert ran.code == 2
    assert message in ran.err
