"""Blocks against a loop over the formula."""

import pytest
import torch
from tests.attention.loops import SHAPE, SIZES, draw, slow
from tests.attention.test_window import seen_by
from tests.scenes import inputs
from torch.testing import assert_close

from lengen.attention.blockwise import Blockwise
from lengen.attention.softmax import Softmax


@SIZES
@pytest.mark.parametrize("block", [1, 2, 3, 4, 5])
def test_formula(queries, keys, block):
    parts = draw(queries, keys)
    ours = Blockwise(SHAPE, block=block)(*parts, inputs(queries, keys))
    expected = slow(*parts, seen_by(lambda row, i, j: j // block >= i // block - 1))
    assert_close(ours, expected, rtol=0, atol=1e-10)


def test_softmax_up_to_two_blocks():
    query, key, value, _ = draw(9, 9)
    ours, plain = (
        rule(query, key, value, None, inputs(9)) for rule in (Blockwise(SHAPE, block=3), Softmax(SHAPE))
    )
    change = (ours - plain).abs().amax((0, 1, 3))
    assert change[:6].max() < 1e-12
    assert change[6:].min() > 1e-4
    assert torch.equal(Blockwise(SHAPE, block=5)(query, key, value, None, inputs(9)), plain)


def test_refusal():
    with pytest.raises(ValueError, match=r"attention.block=0: must be at least 1"):
        Blockwise(SHAPE, block=0)
