"""Scalable softmax against tabicl and a loop over its formula."""

import math

import pytest
import torch
from tests.attention.loops import SHAPE, SIZES, dot, draw, slow, softmax
from tests.scenes import inputs
from torch.testing import assert_close

from lengen.attention.softmax import Softmax
from lengen.attention.ssmax import SSMax


def trained(bias=False):
    """A rule with factors of its own in every head."""
    rule = SSMax(SHAPE, bias=bias).double()
    rule.slopes.data = torch.tensor([0.7, 1.3]).double()
    if bias:
        rule.constants.data = torch.tensor([0.2, -0.4]).double()
    return rule


@SIZES
@pytest.mark.parametrize("bias", [False, True])
def test_formula(queries, keys, bias):
    parts = draw(queries, keys)

    def weigh(row, head, i, q, seen, added):
        factor = (0.7, 1.3)[head] * math.log(i + 1) + (0.2, -0.4)[head] * bias
        return softmax([factor * dot(q, k) / math.sqrt(5) + b for k, b in zip(seen, added, strict=True)])

    ours = trained(bias)(*parts, inputs(queries, keys))
    assert_close(ours, slow(*parts, weigh), rtol=0, atol=1e-7)


def test_tabicl_row_by_row(foreign):
    theirs = foreign("tabicl._model.ssmax").SSMax(2).double()
    theirs.scales.data = torch.tensor([0.7, 1.3]).double()
    query, *_ = draw(9, 9)
    ours = query * trained().sharpen(inputs(9))
    for i in range(9):
        assert_close(ours[:, :, i : i + 1], theirs(query[:, :, i : i + 1], i + 1), rtol=0, atol=1e-12)


def test_softmax_where_the_factor_is_one():
    query, key, value, bias = draw(9, 9)
    plain = Softmax(SHAPE)(query, key, value, bias, inputs(9))
    for i in range(1, 9):
        rule = SSMax(SHAPE, initial=1 / math.log(i + 1)).double()
        assert_close(rule(query, key, value, bias, inputs(9))[:, :, i], plain[:, :, i], rtol=0, atol=1e-6)


def test_starts_as_softmax_at_64_keys():
    factor = SSMax(SHAPE).sharpen(inputs(1, 64))
    assert_close(factor, torch.ones(2, 1, 1), rtol=0, atol=2e-3, check_dtype=False)


def test_every_head_learns():
    rule = SSMax(SHAPE, bias=True).double()
    rule(*draw(9, 9), inputs(9)).square().sum().backward()
    assert rule.slopes.grad.all()
    assert rule.constants.grad.all()


def test_refusal():
    with pytest.raises(ValueError, match=r"attention.initial=0.0: must be above 0"):
        SSMax(SHAPE, initial=0.0)
