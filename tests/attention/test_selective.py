"""Selective attention against x-transformers and a loop over the formula."""

import math

import pytest
import torch
from tests.attention.loops import SHAPE, dot, draw, slow, softmax
from tests.scenes import inputs
from torch.testing import assert_close

from lengen.attention.selective import Selective
from lengen.attention.softmax import Softmax
from lengen.block.inputs import DecodingCache


def formula(query, key, value, bias, keep_first):
    """The mix of all rows: what earlier rows of head 0 selected is summed up anew for every weight."""

    def logit(row, head, m, j):
        q, k = query[row, head, m].tolist(), key[row, head, j].tolist()
        return dot(q, k) / math.sqrt(5) + bias[row, head, m, j].item()

    def weigh(row, head, i, q, seen, added):
        logits = []
        for j in range(i + 1):
            selecting = [] if keep_first and j == 0 else range(j + 1, i)
            logits.append(logit(row, head, i, j) - sum(max(logit(row, 0, m, j), 0.0) for m in selecting))
        return softmax(logits)

    return slow(query, key, value, bias, weigh)


@pytest.mark.parametrize("keep_first", [True, False])
def test_formula(keep_first):
    parts = draw(8, 8)
    ours = Selective(SHAPE, keep_first=keep_first)(*parts, inputs(8))
    assert_close(ours, formula(*parts, keep_first), rtol=0, atol=1e-10)


@pytest.mark.parametrize("keep_first", [True, False])
@pytest.mark.parametrize("chunks", [[1] * 8, [3, 1, 4], [1, 7]])
def test_formula_step_by_step(keep_first, chunks):
    query, key, value, bias = draw(8, 8)
    rule, memory, parts, start = Selective(SHAPE, keep_first=keep_first), DecodingCache(), [], 0
    for chunk in chunks:
        now, end = slice(start, start + chunk), start + chunk
        view = inputs(chunk, end, memory=memory)
        parts.append(rule(query[:, :, now], key[:, :, :end], value[:, :, :end], bias[:, :, now, :end], view))
        start = end
    expected = formula(query, key, value, bias, keep_first)
    assert_close(torch.cat(parts, 2), expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("keep_first", [True, False])
def test_x_transformers(foreign, keep_first):
    theirs = foreign("x_transformers.attend").selective_attn
    query, key, value, bias = draw(12, 12)
    sim = query @ key.mT / math.sqrt(5) + bias
    hidden = bias == -torch.inf
    moved = theirs(sim.masked_fill(hidden, -1e9), no_mask_sos=keep_first).masked_fill(hidden, -torch.inf)
    ours = Selective(SHAPE, keep_first=keep_first)(query, key, value, bias, inputs(12))
    assert_close(ours, moved.softmax(-1) @ value, rtol=0, atol=1e-10)


def test_softmax_where_the_first_head_is_never_positive():
    query, key, value, bias = draw(9, 9)
    logits = query[:, :1] @ key[:, :1].mT / math.sqrt(5)
    bias[:, :1] -= logits.clamp(min=0) + bias[:, :1].clamp(min=0)
    rules = (Selective(SHAPE), Softmax(SHAPE))
    assert_close(*(rule(query, key, value, bias, inputs(9)) for rule in rules), rtol=0, atol=1e-12)


def test_gradient_flows_through_what_is_selected():
    """Head 0 of an earlier row moves the mix of a later row in another head."""
    query, key, value, bias = draw(6, 6)
    mixed = Selective(SHAPE)(query.requires_grad_(), key, value, bias, inputs(6))
    (gradient,) = torch.autograd.grad(mixed[:, 1, 5].sum(), query)
    assert gradient[:, 0, 2:5].any(-1).any()
    assert not gradient[:, 0, 5].any()
    assert not gradient[:, 1, :5].any()
