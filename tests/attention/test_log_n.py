"""Logarithmic scaling against a loop over its formula."""

import math

import pytest
import torch
from tests.attention.loops import SHAPE, SIZES, dot, draw, slow, softmax
from tests.scenes import inputs
from torch.testing import assert_close

from lengen.attention.log_n import LogN
from lengen.attention.softmax import Softmax


@SIZES
@pytest.mark.parametrize("clip", [True, False])
@pytest.mark.parametrize(("scale", "factor"), [("head_dim", 5**-0.5), ("none", 1.0)])
def test_formula(queries, keys, clip, scale, factor):
    parts = draw(queries, keys)

    def weigh(row, head, i, q, seen, bias):
        grown = max(1.0, math.log(i + 1) / math.log(4)) if clip else math.log(i + 2) / math.log(5)
        return softmax([grown * factor * dot(q, k) + b for k, b in zip(seen, bias, strict=True)])

    ours = LogN(SHAPE, scale, trained_tokens=4, clip=clip)(*parts, inputs(queries, keys))
    assert_close(ours, slow(*parts, weigh), rtol=0, atol=1e-10)


def test_softmax_up_to_the_trained_tokens():
    query, key, value, bias = draw(9, 9)
    ours = LogN(SHAPE, trained_tokens=6)(query, key, value, bias, inputs(9))
    plain = Softmax(SHAPE)(query, key, value, bias, inputs(9))
    assert torch.equal(ours[:, :, :6], plain[:, :, :6])
    assert ((ours - plain)[:, :, 6:].abs().amax((0, 1, 3)) > 1e-4).all()


def test_without_a_clip_it_is_softmax_at_the_trained_tokens_alone():
    query, key, value, bias = draw(9, 9)
    ours = LogN(SHAPE, trained_tokens=6, clip=False)(query, key, value, bias, inputs(9))
    change = (ours - Softmax(SHAPE)(query, key, value, bias, inputs(9))).abs().amax((0, 1, 3)) < 1e-12
    assert change.tolist() == [True, False, False, False, False, True, False, False, False]


def test_entropy_grows_more_slowly():
    """Random logits: the entropy of softmax grows with the keys, that of the rule hardly."""
    chance, entropies = torch.Generator().manual_seed(0), {}
    for keys in (16, 4096):
        logits = 3 * torch.randn(200, keys, generator=chance)
        factor = LogN(SHAPE, trained_tokens=16).sharpen(inputs(1, keys, dim=1))
        for name, x in (("softmax", logits), ("log_n", logits * factor[0, 0])):
            entropies[name, keys] = -(x.softmax(-1) * x.log_softmax(-1)).sum(-1).mean().item()
    assert entropies["log_n", 4096] - entropies["log_n", 16] < 0.3
    assert entropies["softmax", 4096] - entropies["softmax", 16] > 3


def test_refusal():
    with pytest.raises(ValueError, match=r"attention.trained_tokens=1: must be at least 2"):
        LogN(SHAPE, trained_tokens=1)
