"""Sinks against gpt-oss, x-transformers and a loop over the formula."""

import math
from types import SimpleNamespace

import pytest
import torch
from tests.attention.loops import SHAPE, SIZES, dot, draw, slow
from tests.scenes import inputs
from torch.testing import assert_close

from lengen.attention.sink import Sink
from lengen.attention.softmax import Softmax

LOGITS = torch.tensor([0.7, -1.2], dtype=torch.float64)


def trained():
    rule = Sink(SHAPE).double()
    rule.logits.data = LOGITS
    return rule


@SIZES
def test_formula(queries, keys):
    parts = draw(queries, keys)

    def weigh(row, head, i, q, seen, bias):
        powers = [math.exp(dot(q, k) / math.sqrt(5) + b) for k, b in zip(seen, bias, strict=True)]
        return [x / (sum(powers) + math.exp(LOGITS[head])) for x in powers]

    assert_close(trained()(*parts, inputs(queries, keys)), slow(*parts, weigh), rtol=0, atol=1e-10)


@SIZES
def test_gpt_oss(foreign, queries, keys):
    query, key, value, bias = draw(queries, keys)
    eager = foreign("transformers.models.gpt_oss.modeling_gpt_oss").eager_attention_forward
    module = SimpleNamespace(num_key_value_groups=1, sinks=LOGITS, training=False)
    theirs, _ = eager(module, query, key, value, bias, 5**-0.5)
    ours = trained()(query, key, value, bias, inputs(queries, keys))
    assert_close(ours, theirs.transpose(1, 2), rtol=0, atol=1e-10)


def test_x_transformers(foreign):
    query, key, value, _ = draw(9, 9)
    theirs = foreign("x_transformers.attend").Attend(causal=True, heads=2, head_learned_sink=True).double()
    theirs.head_attn_sink.data = LOGITS
    ours = trained()(query, key, value, None, inputs(9))
    assert_close(ours, theirs(query, key, value)[0], rtol=0, atol=1e-6)  # softmax in float32


def test_off_by_one():
    """A fixed logit of 0: the sum of the weights is that of e^z over 1 more."""
    query, key, _, bias = draw(9, 9)
    rule = Sink(SHAPE, learned=False)
    paid = rule(query, key, torch.ones(2, 2, 9, 5).double(), bias, inputs(9))[..., 0]
    total = (query @ key.mT / math.sqrt(5) + bias).exp().sum(-1)
    assert_close(paid, total / (1 + total), rtol=0, atol=1e-10)
    assert not list(rule.parameters())


@pytest.mark.parametrize("biased", [False, True])
def test_minus_infinity_is_softmax(biased):
    query, key, value, bias = draw(9, 9)
    rules = (Sink(SHAPE, logit=-math.inf, learned=False), Softmax(SHAPE))
    assert_close(*(rule(query, key, value, bias if biased else None, inputs(9)) for rule in rules))


def test_every_head_learns_and_a_head_may_attend_to_nothing():
    query, key, value, bias = draw(9, 9)
    rule = Sink(SHAPE).double()
    rule(query, key, value, bias, inputs(9)).square().sum().backward()
    assert rule.logits.grad.all()
    nothing = Sink(SHAPE, logit=100.0).double()(query, key, value, bias, inputs(9))
    assert nothing.abs().max() < 1e-30


@pytest.mark.parametrize(("logit", "learned"), [(-math.inf, True), (math.inf, False), (math.nan, False)])
def test_refusals(logit, learned):
    with pytest.raises(ValueError, match=r"attention.logit=.*: must be finite, or -inf"):
        Sink(SHAPE, logit=logit, learned=learned)
