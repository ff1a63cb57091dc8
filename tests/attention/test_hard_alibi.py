"""Hard-ALiBi against bands of ones."""

import math

import pytest
import torch
from tests.attention.loops import SHAPE, SIZES, draw
from tests.scenes import inputs
from torch.testing import assert_close

from lengen.attention.hard_alibi import HardALiBi
from lengen.attention.softmax import Softmax
from lengen.block.inputs import Shape


@SIZES
@pytest.mark.parametrize("local_heads", [0, 1, 2])
@pytest.mark.parametrize("biased", [False, True])
def test_bands(queries, keys, local_heads, biased):
    query, key, value, bias = draw(queries, keys)
    bias = bias if biased else bias.masked_fill(bias > -torch.inf, 0)
    expected = []
    for head in range(2):
        band = torch.ones(keys, keys).tril()
        band = band.triu(-head) if head < local_heads else band
        logits = query[:, head] @ key[:, head].mT / math.sqrt(5) + bias[:, head]
        weights = logits.masked_fill(band[-queries:] == 0, -torch.inf).softmax(-1)
        expected.append(weights @ value[:, head])
    ours = HardALiBi(SHAPE, local_heads=local_heads)(query, key, value, bias, inputs(queries, keys))
    assert_close(ours, torch.stack(expected, 1), rtol=0, atol=1e-10)


def test_first_head_sees_itself_alone():
    query, key, value, _ = draw(9, 9)
    ours = HardALiBi(SHAPE)(query, key, value, None, inputs(9))
    assert_close(ours[:, 0], value[:, 0])
    assert_close(ours[:, 1], Softmax(SHAPE)(query, key, value, None, inputs(9))[:, 1], rtol=0, atol=1e-12)


def test_no_local_heads_are_softmax():
    parts = draw(9, 9)
    rules = (HardALiBi(SHAPE, local_heads=0), Softmax(SHAPE))
    assert torch.equal(*(rule(*parts, inputs(9)) for rule in rules))


def test_half_of_the_heads_by_default():
    assert [HardALiBi(Shape(8 * heads, heads)).local_heads for heads in (1, 2, 5, 16)] == [0, 1, 2, 8]


@pytest.mark.parametrize("local_heads", [-1, 3])
def test_refusal(local_heads):
    with pytest.raises(
        ValueError, match=rf"attention.local_heads={local_heads}: must be null or in \[0, 2\]"
    ):
        HardALiBi(SHAPE, local_heads=local_heads)
