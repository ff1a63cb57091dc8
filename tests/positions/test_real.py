"""Positions between integers: the distributions of random steps and of E2-LLM, and what they reduce to."""

import pytest
import torch
from scipy.stats import chisquare, kstest

from lengen.positions.e2 import E2
from lengen.positions.random_steps import RandomSteps
from lengen.task import Batch
from lengen.task.addition import Addition
from lengen.task.copy import Copy
from lengen.testing.positions import generator

ROWS, TIME = 4000, 10
READ = Copy().sample(4, ROWS, generator())  # ten tokens
COUNTED = torch.arange(TIME).unsqueeze(0)


def test_random_steps_draws_steps_evenly_over_0_to_2():
    positions = RandomSteps(512.0)(READ, generator(), training=True)
    assert not positions[:, 0].any()
    steps = positions.diff(dim=1)
    assert kstest(steps[:, 3].double(), "uniform", args=(0, 2)).pvalue > 1e-3
    assert abs(torch.corrcoef(steps[:, :2].T)[0, 1]) < 0.1


def test_random_steps_shrinks_what_is_too_long_and_nothing_else():
    free, tight = (RandomSteps(maximum)(READ, generator(), training=True) for maximum in (512.0, 9.0))
    long = free[:, -1] > 9
    assert 0.3 < long.double().mean() < 0.7
    assert torch.equal(tight[~long], free[~long])
    torch.testing.assert_close(tight[long], free[long] * 9 / free[long][:, -1:])
    assert tight.max() <= 9.001


def test_random_steps_knows_nothing_of_padding():
    """A short row beside a long one shrinks as it would alone."""
    short, long = (Copy().sample(length, 50, generator()) for length in (4, 40))
    joined = Batch.join([short, long])
    positions = RandomSteps(9.0)(joined, generator(), training=True)
    alone = RandomSteps(9.0)(short, generator(), training=True)
    assert torch.equal(positions[:50, : short.time], alone)
    assert (alone[:, -1] < 9).any()
    assert (alone[:, -1] == 9).any()
    assert positions.max() <= 9


def test_random_steps_count_the_longest_answer_not_the_own():
    """Numbers without leading zeros: a short sum shrinks as a long one with the same steps."""
    batch = Addition(pad="none").sample(3, 400, generator())
    sizes = batch.answer.sum(1)
    assert set(sizes.tolist()) == {4, 5}
    tight = RandomSteps(9.0)(batch, generator(), training=True)
    free = RandomSteps(1e9)(batch, generator(), training=True)
    torch.testing.assert_close(
        tight, free * (9 / free[:, 12:13]).clamp(max=1)
    )  # 8 tokens of the prompt, 5 of the sum


@pytest.mark.parametrize("scheme", [RandomSteps(512.0), E2(factor=1.0)], ids=repr)
def test_sweeps_count(scheme):
    assert torch.equal(scheme(READ, generator(), training=False).long(), COUNTED)


def test_e2_scales_and_shifts():
    positions = E2(scales=5, window=7)(READ, generator(), training=True)
    scale = 1 / positions[:, 1]  # the second token stands at 1 / g
    torch.testing.assert_close(scale, scale.round())
    assert chisquare(torch.bincount(scale.round().long())[1:]).pvalue > 1e-3
    offset = positions * scale.unsqueeze(1) - COUNTED
    assert offset[:, :4].abs().max() < 1e-4
    torch.testing.assert_close(offset[:, 4:], offset[:, 4:5].round().expand(-1, TIME - 4), rtol=0, atol=1e-4)
    for known in range(1, 6):
        mine = offset[scale.round() == known, 4].round().long()
        shares = torch.bincount(mine, minlength=(known - 1) * 7 + 1)
        assert len(shares) == (known - 1) * 7 + 1
        assert known == 1 or chisquare(shares).pvalue > 1e-3


def test_e2_without_scales_counts_and_sweeps_at_the_given_one():
    assert torch.equal(E2(scales=1)(READ, generator(), training=True).long(), COUNTED.expand(ROWS, -1))
    assert torch.equal(E2(factor=4.0)(READ, generator(), training=False), COUNTED / 4)


@pytest.mark.parametrize("scheme", [RandomSteps(9.0), RandomSteps(), E2(), E2(2, 5, 2.5)], ids=repr)
@pytest.mark.parametrize("training", [False, True])
def test_largest_bounds_every_draw(scheme, training):
    assert (
        scheme(READ, generator(), training=training).max() <= scheme.largest(READ, training=training) + 1e-3
    )
