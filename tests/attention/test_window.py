"""Windows against a loop over the formula."""

import math

import pytest
import torch
from tests.attention.loops import SHAPE, SIZES, dot, draw, slow, softmax
from tests.scenes import inputs
from torch.testing import assert_close

from lengen.attention.softmax import Softmax
from lengen.attention.window import Window

COUPLED = torch.tensor([[0, 3, 2, 1, 0, 3, 2, 1, 4], [5, 5, 9, 1, 1, 2, 8, 6, 5]])


def seen_by(sees):
    """Softmax over the keys that a row, a query and a key are asked about."""

    def weigh(row, head, i, q, seen, bias):
        logits = [
            dot(q, k) / math.sqrt(5) + b if sees(row, i, j) else -math.inf
            for j, (k, b) in enumerate(zip(seen, bias, strict=True))
        ]
        return softmax(logits)

    return weigh


@SIZES
@pytest.mark.parametrize("window", [1, 2, 5, 8])
def test_tokens(queries, keys, window):
    parts = draw(queries, keys)
    ours = Window(SHAPE, window=window)(*parts, inputs(queries, keys))
    assert_close(ours, slow(*parts, seen_by(lambda row, i, j: i - j < window)), rtol=0, atol=1e-10)


@pytest.mark.parametrize("queries", [9, 4, 1])
@pytest.mark.parametrize("window", [1, 3])
def test_positions(queries, window):
    """Coupled positions: a window of places, whatever the tokens between; never later tokens."""
    parts = draw(queries, 9)

    def sees(row, i, j):
        return abs(COUPLED[row, i].item() - COUPLED[row, j].item()) < window

    ours = Window(SHAPE, window=window, over="positions")(*parts, inputs(queries, 9, positions=COUPLED))
    assert_close(ours, slow(*parts, seen_by(sees)), rtol=0, atol=1e-10)


def test_counted_positions_are_tokens():
    parts = draw(9, 9)
    ways = [Window(SHAPE, window=4, over=over)(*parts, inputs(9)) for over in ("tokens", "positions")]
    assert torch.equal(*ways)


@pytest.mark.parametrize("over", ["tokens", "positions"])
def test_a_window_for_all_is_softmax(over):
    query, key, value, bias = draw(9, 9)
    for added in (bias, None):
        ours = Window(SHAPE, window=9, over=over)(query, key, value, added, inputs(9))
        assert_close(ours, Softmax(SHAPE)(query, key, value, added, inputs(9)), rtol=0, atol=1e-12)


def test_a_window_of_one_is_the_token_itself():
    query, key, value, _ = draw(9, 9)
    assert_close(Window(SHAPE, window=1)(query, key, value, None, inputs(9)), value)


def test_refusal():
    with pytest.raises(ValueError, match=r"attention.window=0: must be at least 1"):
        Window(SHAPE, window=0)
