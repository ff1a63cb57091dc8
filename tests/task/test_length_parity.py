"""Whether the likeliest answer depends on the parity of the length, for every task: a curve would zigzag with it."""

import pytest
import torch
from tests.options import built, files, made, read

from lengen.config.errors import LengthUnavailable
from lengen.task import BOS

DRAWS, LENGTHS, CLEAR = 3000, range(7, 14), 0.03
LIKELIEST = {
    "majority": "ties of even lengths are zeros: 0.64 at 8, 0.50 at 9; not with task.ties=none",
    "square_root": "the root of an even number of bits starts with 1 if either of the first two is 1: 3/4; odd: 1/2",
}
"""Tasks whose likeliest symbols have another share at even lengths, by definition."""
COPIED = {
    "square_root": "the root of an odd number of bits starts with the first of them",
    "modular_arithmetic": "an even length starts with a minus, which is never the answer",
}
"""Tasks in which the first or the last symbol of the prompt is the answer's more often at even lengths, or at odd ones."""
CASES = [path.stem for path in files("task") if path.stem != "dataset"]


def shares(task, length):
    """Shares of the likeliest first and last symbol of the result, and of answers that are the first or last one read."""
    batch = task.sample(length, DRAWS, torch.Generator().manual_seed(length)).begin()
    assert bool((batch.tokens[:, 0] == BOS).all())
    start = batch.result.long().argmax(1, keepdim=True)
    end = start + batch.result.sum(1, keepdim=True) - 2
    first, last = (batch.tokens.gather(1, place)[:, 0] for place in (start, torch.maximum(start, end)))
    read_last = batch.tokens.gather(1, batch.prompt_size - 2)[:, 0]  # before the sign that ends the prompt
    same = [(first == other).float().mean() for other in (batch.tokens[:, 1], read_last)]
    return torch.stack([*(part.bincount().max() / DRAWS for part in (first, last)), *same])


def zigzag(task):
    """The least swing between neighbouring lengths of shares that go up and down by turns, else 0: likeliest, copied."""
    rows = []
    for length in LENGTHS:
        try:
            rows.append(shares(task, length))
        except LengthUnavailable:
            return [0.0, 0.0]
    table = torch.stack(rows)
    swings = table[1:-1] - (table[:-2] + table[2:]) / 2
    alternating = ((swings[1:] * swings[:-1]) < 0).all(0)
    return (swings.abs().amin(0) * alternating).reshape(2, 2).amax(1).tolist()


@pytest.mark.parametrize("name", CASES)
def test_only_the_documented_tasks_zigzag(name):
    kind, options = read(next(path for path in files("task") if path.stem == name))
    likeliest, copied = zigzag(built(kind, options))
    assert (likeliest > CLEAR) == (name in LIKELIEST)
    assert (copied > CLEAR) == (name in COPIED)


def test_majority_without_ties_has_no_likelier_answer_at_even_lengths():
    assert zigzag(made("task", "majority", ties="none"))[0] < CLEAR
