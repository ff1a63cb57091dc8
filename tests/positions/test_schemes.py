"""Contiguous, offset and randomized positions: distributions, budgets and reductions."""

from itertools import combinations

import pytest
import torch

from lengen.positions.contiguous import Contiguous
from lengen.positions.offset import Offset
from lengen.positions.randomized import Randomized
from lengen.task.copy import Copy

ROWS = 6000


def chance(seed=0):
    return torch.Generator().manual_seed(seed)


def batch(length, rows=ROWS):
    return Copy().sample(length, rows, chance())


def assert_even(counts, draws):
    """Five standard deviations of a binomial around equal shares."""
    share = 1 / len(counts)
    spread = 5 * (draws * share * (1 - share)) ** 0.5
    assert max(abs(count - draws * share) for count in counts) < spread


@pytest.mark.parametrize("training", [False, True])
def test_contiguous(training):
    assert Contiguous()(batch(4, 2), chance(), training=training).tolist() == [list(range(10))]


def test_offset():
    read = batch(4)  # 10 tokens
    assert Offset(20)(read, chance(), training=False).tolist() == [list(range(10))]
    positions = Offset(20)(read, chance(), training=True)
    assert (positions.diff(dim=1) == 1).all()
    assert_even(torch.bincount(positions[:, 0], minlength=11).tolist(), ROWS)  # starts 0 to 10, and no other
    assert positions.max() == 19
    assert Offset(10)(read, chance(), training=True).unique(dim=0).tolist() == [list(range(10))]


@pytest.mark.parametrize("training", [False, True])
def test_randomized_is_a_uniform_subset(training):
    positions = Randomized(40)(batch(4), chance(), training=training)
    assert (positions.diff(dim=1) > 0).all()
    assert 0 <= positions.min() <= positions.max() < 40
    counts = torch.bincount(positions.flatten(), minlength=40)
    spread = (ROWS * 0.25 * 0.75) ** 0.5
    assert (counts - ROWS * 0.25).abs().max() < 5 * spread
    few = Randomized(12)(batch(4), chance(), training=training)  # 10 of 12: which two are missing?
    missing = torch.ones(ROWS, 12).scatter(1, few, 0).nonzero()[:, 1].view(-1, 2).tolist()
    assert_even([missing.count(list(pair)) for pair in combinations(range(12), 2)], ROWS)


@pytest.mark.parametrize("training", [False, True])
def test_randomized_with_no_room_is_contiguous(training):
    positions = Randomized(10)(batch(4, 50), chance(), training=training)
    assert positions.unique(dim=0).tolist() == [list(range(10))]


@pytest.mark.parametrize("scheme", [Offset(9), Randomized(9)])
@pytest.mark.parametrize("training", [False, True])
def test_over_budget(scheme, training):
    with pytest.raises(ValueError, match=r"positions.maximum=9 cannot hold the 10 positions"):
        scheme(batch(4, 2), chance(), training=training)


@pytest.mark.parametrize("scheme", [Offset, Randomized])
def test_refusals(scheme):
    with pytest.raises(ValueError, match=r"positions.maximum=0"):
        scheme(0)
