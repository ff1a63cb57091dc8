"""Group position encoding against a loop, and its reductions."""

import torch

from lengen.positions.contiguous import Contiguous
from lengen.positions.grouped import Grouped
from lengen.task.copy import Copy
from lengen.testing.positions import examples as batch
from lengen.testing.positions import generator


def test_against_a_loop():
    read = batch()  # two lengths, right-padded
    for start in (0, 7):
        expected = []
        for answer in read.answer.tolist():
            row, answered = [], -1
            for time, mine in enumerate(answer):
                answered = answered + 1 if mine or answered >= 0 else -1
                row.append(start + answered if answered >= 0 else time)
            expected.append(row)
        assert Grouped(start)(read, generator(), training=False).tolist() == expected


def test_an_answer_that_starts_behind_its_prompt_is_contiguous():
    read = Copy().sample(4, 3, generator())  # four symbols and a sign
    expected = Contiguous()(read, generator(), training=False).expand(3, -1)
    assert torch.equal(Grouped(5)(read, generator(), training=False), expected)
