"""A device is not waited for inside a step: nothing in it reads a number from a tensor, and losses are read where they are due.

Numbers are counted on a CPU, where the same calls of PyTorch would stop a device.
"""

import json
import math
from collections import Counter
from pathlib import Path

import pytest
import torch
from tests.options import files
from torch.utils._python_dispatch import TorchDispatchMode

from conftest import TINY, read_rows
from lengen.training.callback import TrainingCallback
from lengen.training.fit import DecoderModule, example_loss
from training.test_groups import NEEDED, run

READS = ("_local_scalar_dense", "nonzero", "equal", "is_nonzero")
"""Operations whose result the host waits for."""
WAIT = {"pe=rcmha": 4, "pe=sandwich": 1, "pe=seqpe": 2, "pe=xpos": 1}
"""Encodings that look at their largest position, which no one else knows: to refuse it, or to size a table."""
EVERY = [f"{group}={path.stem}" for group in ("pe", "attention", "optimizer") for path in files(group)]


class Reads(TorchDispatchMode):
    """Count what the host reads from tensors."""

    def __init__(self):
        super().__init__()
        self.counts = Counter()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function.overloadpacket.__name__
        if name in READS:
            self.counts[name] += 1
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("word", EVERY)
def test_a_step_reads_no_number(word):
    config = run("task=copy", *NEEDED.get(word, []), word)
    torch.manual_seed(0)
    decoder = config.make_decoder()
    optimizer = config.optimizer.make(decoder)
    example = next(iter(config.stream()))
    example_loss(decoder, example).backward()
    optimizer.step()  # its state is made
    optimizer.zero_grad()
    with Reads() as reads:
        example_loss(decoder, example).backward()
        torch.nn.utils.clip_grad_norm_(decoder.parameters(), 1.0)
        optimizer.step()
    assert reads.counts.total() <= WAIT.get(word, 0)


def test_losses_that_are_read_where_they_are_due_are_the_same(lengen, monkeypatch):
    words = (
        "task=copy",
        *TINY,
        "steps=12",
        "trainer.log_every=4",
        "trainer.probe_every=12",
        "trainer.accumulate=2",
    )
    assert lengen("train", *words, "results_dir=one").code == 0
    monkeypatch.setattr(TrainingCallback, "AT_ONCE", ())
    assert lengen("train", *words, "results_dir=two").code == 0
    one, two = (read_rows(next(Path(name).rglob("train.csv"))) for name in ("one", "two"))
    assert [{**row, "tokens_per_second": ""} for row in one] == [
        {**row, "tokens_per_second": ""} for row in two
    ]
    facts = [json.loads(next(Path(name).rglob("run.json")).read_text()) for name in ("one", "two")]
    assert facts[0]["parameters_digest"] == facts[1]["parameters_digest"]
    assert facts[0]["largest_position"] == facts[1]["largest_position"]


def test_a_loss_that_is_not_finite_is_named_with_its_step(lengen, monkeypatch):
    """Though it is read later."""
    monkeypatch.setattr(TrainingCallback, "AT_ONCE", ())
    monkeypatch.setattr(DecoderModule, "training_step", diverging(DecoderModule.training_step, after=5))
    ran = lengen("train", "task=copy", *TINY, "steps=12", "trainer.log_every=10", "trainer.probe_every=12")
    assert ran.code == 1
    assert "the loss is nan at step 6" in ran.out + ran.err


def diverging(step, after):
    def diverged(self, example, number):
        loss = step(self, example, number)
        return loss * math.nan if self.global_step >= after else loss

    return diverged
