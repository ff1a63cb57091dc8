"""Stick-breaking attention against a loop that breaks a stick."""

import math

import pytest
import torch
from tests.attention.loops import SHAPE, SIZES, dot, draw, slow
from tests.scenes import inputs
from torch.testing import assert_close

from lengen.attention.stick_breaking import StickBreaking

WAYS = pytest.mark.parametrize("current", [False, True])


@SIZES
@WAYS
@pytest.mark.parametrize("remainder", [True, False])
def test_formula(queries, keys, remainder, current):
    parts = draw(queries, keys)

    def weigh(row, head, i, q, seen, bias):
        stick, weights = 1.0, [0.0] * (i + 1)
        for j in range(i if current else i - 1, -1, -1):
            share = 1 / (1 + math.exp(-dot(q, seen[j]) / math.sqrt(5) - bias[j]))
            weights[j] = stick * share
            stick *= 1 - share
        weights[i] += stick * remainder
        return weights

    rule = StickBreaking(SHAPE, remainder=remainder, current=current)
    assert_close(rule(*parts, inputs(queries, keys)), slow(*parts, weigh), rtol=0, atol=1e-10)


@WAYS
def test_weights_and_the_remainder_sum_to_one(current):
    query, key, value, bias = draw(40, 40)
    ones = torch.ones_like(value)
    whole, broken = (
        StickBreaking(SHAPE, remainder=remainder, current=current)(query, key, ones, bias, inputs(40))
        for remainder in (True, False)
    )
    assert_close(whole, ones, rtol=0, atol=1e-12)
    assert (broken[:, :, :4] < 1).all()
    assert (broken <= 1 + 1e-12).all()


def test_the_first_token():
    query, key, value, bias = draw(3, 3)
    assert torch.equal(StickBreaking(SHAPE)(query, key, value, bias, inputs(3))[:, :, 0], value[:, :, 0])
    assert not StickBreaking(SHAPE, remainder=False)(query, key, value, bias, inputs(3))[:, :, 0].any()


def test_keys_behind_one_that_is_certain_are_not_seen():
    query, key, value, bias = draw(9, 9)
    bias[:, :, 8, 5] = 100.0
    bias[:, :, 8, 6:8] = -100.0
    ours = StickBreaking(SHAPE)(query, key, value, bias, inputs(9))
    assert_close(ours[:, :, 8], value[:, :, 5], rtol=0, atol=1e-12)


def test_many_keys_in_float32():
    """Sums of logarithms over thousands of keys keep their digits near the token."""
    query, key, value, _ = draw(1, 4000)
    exact = StickBreaking(SHAPE)(query, key, value, None, inputs(1, 4000))
    rough = StickBreaking(SHAPE)(query.float(), key.float(), value.float(), None, inputs(1, 4000))
    assert_close(rough.double(), exact, rtol=0, atol=1e-5)
