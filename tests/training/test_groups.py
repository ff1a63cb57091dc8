"""What a step and a sweep leave out changes nothing: losses, gradients and verdicts equal those of the plain path."""

import math

import pytest
import torch
from tests.options import files
from torch.testing import assert_close

from config.test_builder import composed
from lengen.config.builder import Builder
from lengen.evaluation.metrics import answer_loss
from lengen.evaluation.scoring import score
from lengen.experiment.config import RunConfig
from lengen.training.fit import example_loss
from lengen.training.groups import groups

NEEDED = {
    "pe=multilevel": ["positions=multilevel", "task=many_addition"],
    "positions=multilevel": ["pe=multilevel", "task=many_addition"],
}
"""Words that an option cannot do without."""
SOME = ["pe=cable", "attention=selective", "positions=randomized"]
"""Options that are tried in every run of the tests; the others where what takes long is."""
EVERY = [
    f"{group}={path.stem}" for group in ("pe", "attention", "positions", "format") for path in files(group)
]
CASES = [word if word in SOME else pytest.param(word, marks=pytest.mark.long) for word in EVERY]


def run(*words):
    config = composed("decoder.dim=32", "batch_size=24", "train_length=8", *words)
    return Builder().build(RunConfig, {**config, "record": config})


def answers(*spans, time):
    """A mask of answers, each from a column to another."""
    column = torch.arange(time)
    return torch.stack([(column >= start) & (column <= stop) for start, stop in spans])


def by_hand(answer):
    """For every row the column before its first scored token, and that before its last."""
    scored = [[column for column, each in enumerate(row) if each] for row in answer.tolist()]
    return [(row[0] - 1, row[-1] - 1) for row in scored]


@pytest.mark.parametrize(("merge", "sizes"), [(0, [1, 2, 1]), (3, [1, 3]), (6, [4]), (math.inf, [4])])
def test_groups(merge, sizes):
    answer = answers((3, 5), (1, 2), (4, 7), (2, 5), time=9)
    found, needed = groups(answer, merge), by_hand(answer)
    assert [len(group.rows) for group in found] == sizes
    assert sorted(row for group in found for row in group.rows.tolist()) == [0, 1, 2, 3]
    for rows, first, end in found:
        assert first == min(needed[row][0] for row in rows.tolist())
        assert end == max(needed[row][1] for row in rows.tolist()) + 1


@pytest.mark.parametrize("word", CASES)
def test_a_step_and_a_sweep_equal_the_plain_ones(word):
    words = [word, f"task={'copy' if 'format' in word else 'addition'}", *NEEDED.get(word, [])]
    found = []
    for plain in ("true", "false"):
        made = run(*words, f"trainer.plain={plain}")
        decoder, example = made.make_decoder().double(), next(iter(made.stream()))
        assert decoder.plain == (example.groups == ()) == (plain == "true")
        loss = example_loss(decoder, example)
        loss.backward()
        if plain == "true":
            by_definition = answer_loss(
                decoder(example.tokens, example.positions), example.tokens, example.answer
            )
            assert_close(loss, by_definition, rtol=0, atol=0)
        batch = made.formatted_task.sample(11, 8, torch.Generator().manual_seed(0))
        verdicts = score(decoder.eval(), batch, made.positions, ("key",), "teacher")
        found.append((loss, [weight.grad for weight in decoder.parameters()], verdicts))
    (loss, gradients, verdicts), (other, others, same) = found
    assert_close(other, loss, rtol=1e-6, atol=0)  # losses are summed in float32
    for one, two in zip(gradients, others, strict=True):
        assert (two - one).norm() <= 1e-5 * one.norm() + 1e-12  # some are 0 by definition
    assert torch.equal(same.right, verdicts.right)
    assert torch.equal(same.ending, verdicts.ending)
    assert same.loss == pytest.approx(verdicts.loss, rel=1e-6)


def test_dropout_draws_what_it_did():
    """A mask depends on how many tokens there are, so that a decoder with dropout reads all of them."""
    made = run("decoder.dropout=0.1")
    decoder, example = made.make_decoder(), next(iter(made.stream()))
    assert example.groups == ()
    drawn = []
    for plain in (True, False):
        decoder.plain = plain
        torch.manual_seed(0)
        drawn.append(decoder(example.tokens, example.positions, first=3))
    assert torch.equal(*drawn)
