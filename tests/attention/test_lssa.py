"""Softplus attention against a loop over its formula."""

import math

import pytest
import torch
from tests.attention.loops import SHAPE, SIZES, dot, draw, slow
from tests.scenes import inputs
from torch.testing import assert_close

from lengen.attention.lssa import LSSA
from lengen.block.inputs import Shape


def shares(i, q, seen, bias):
    """softplus(ln 5 * ln n * cosine + bias) over its sum."""
    cosines = [dot(q, k) / math.sqrt(dot(q, q) * dot(k, k)) for k in seen]
    positive = [
        math.log1p(math.exp(math.log(5) * math.log(i + 1) * c + b))
        for c, b in zip(cosines, bias, strict=True)
    ]
    return [x / sum(positive) for x in positive]


@SIZES
@pytest.mark.parametrize("size", [1.0, 1e-3])
def test_formula(queries, keys, size):
    parts = draw(queries, keys, size=size)
    ours = LSSA(SHAPE)(*parts, inputs(queries, keys))
    expected = slow(*parts, lambda row, head, *rest: shares(*rest))
    assert_close(ours, expected, rtol=0, atol=1e-10)


def test_rows_sum_to_one_and_the_first_is_its_key():
    query, key, value, bias = draw(9, 9)
    sums = LSSA(SHAPE)(query, key, torch.ones_like(value), bias, inputs(9))
    assert_close(sums, torch.ones_like(value), rtol=0, atol=1e-12)
    assert_close(LSSA(SHAPE)(query, key, value, bias, inputs(9))[:, :, 0], value[:, :, 0])


def test_the_length_of_queries_and_keys_is_nothing():
    query, key, value, bias = draw(9, 9)
    once = LSSA(SHAPE)(query, key, value, bias, inputs(9))
    assert_close(LSSA(SHAPE)(query * 7, key / 3, value, bias, inputs(9)), once, rtol=0, atol=1e-10)


def test_a_constant_on_a_row_is_not_nothing():
    query, key, value, bias = draw(9, 9)
    change = LSSA(SHAPE)(query, key, value, bias + 2, inputs(9)) - LSSA(SHAPE)(
        query, key, value, bias, inputs(9)
    )
    assert change.abs().max() > 1e-2


def test_refusal():
    with pytest.raises(ValueError, match=r"gives 1 channel per head; must be at least 2 for attention=lssa,"):
        LSSA(Shape(4, 4))
