"""Abacus positions against a loop over tokens."""

import pytest
import torch

from lengen.positions.abacus import Abacus
from lengen.task import DIGITS, SPECIAL, Batch
from lengen.task.addition import Addition
from lengen.task.copy import Copy
from lengen.task.passkey import Passkey
from lengen.task.sort import Sort

TASKS = pytest.mark.parametrize(
    "task",
    [
        Addition(order="little_endian"),
        Addition(order="little_endian", operands="uneven", pad="none", blanks=True),
        Addition(hints=True),
        Addition(scratchpad="columns"),
        Passkey(),
        Sort(digits=2),
    ],
    ids=["addition", "ragged", "hints", "columns", "passkey", "sort"],
)


def chance(seed=0):
    return torch.Generator().manual_seed(seed)


def draw(task, rows=4):
    return Batch.join([task.sample(length, rows, chance(length)) for length in (1, 3, 8)]).begin()


def slow(symbols, offset):
    """Count within each run of digits from 1 + offset; 0 elsewhere."""
    positions, run = [], 0
    for symbol in symbols:
        run = run + 1 if symbol in DIGITS else 0
        positions.append(run + offset if run else 0)
    return positions


@TASKS
def test_sweep(task):
    batch = draw(task)
    positions = Abacus()(batch, chance(), training=False)
    for tokens, row in zip(batch.tokens, positions, strict=True):
        assert row.tolist() == slow(batch.vocabulary.decode(tokens.tolist()), 0)


@TASKS
def test_training(task):
    batch = draw(task)
    positions = Abacus(7)(batch, chance(), training=True)
    offsets = set()
    for tokens, row in zip(batch.tokens, positions, strict=True):
        offset = int(row[row > 0].min()) - 1  # every number has a first digit
        assert row.tolist() == slow(batch.vocabulary.decode(tokens.tolist()), offset)
        offsets.add(offset)
    assert len(offsets) > 1  # one an example, not one a batch
    assert offsets <= set(range(8))


def test_offsets_are_uniform():
    batch = Addition().sample(1, 8000, chance())
    first = Abacus(7)(batch, chance(), training=True)[:, 0] - 1
    counts = torch.bincount(first, minlength=8)
    assert len(counts) == 8
    assert (counts - 1000).abs().max() < 5 * (8000 / 8 * 7 / 8) ** 0.5
    assert torch.equal(Abacus(0)(batch, chance(), training=True), Abacus(0)(batch, chance(), training=False))


def test_position_is_significance():
    """In little-endian addition a digit's position is its significance, from 1, in all three numbers."""
    batch = Addition(order="little_endian").sample(4, 5, chance())
    positions = Abacus()(batch, chance(), training=False)
    assert positions.tolist() == [[1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 5, 0]] * 5
    significance = torch.where(batch.vocabulary.digits[batch.tokens], batch.places - 1, 0)
    assert torch.equal(positions, significance)


@pytest.mark.parametrize("task", [Copy(), Copy(alphabet=80), Sort()])
def test_refuses_a_task_without_digits(task):
    assert len(task.vocabulary) > len(SPECIAL)
    with pytest.raises(ValueError, match="positions=abacus: this task has no digits"):
        Abacus()(task.sample(3, 2, chance()), chance(), training=False)


def test_refuses_a_negative_offset():
    with pytest.raises(ValueError, match=r"positions.offset=-1"):
        Abacus(-1)
