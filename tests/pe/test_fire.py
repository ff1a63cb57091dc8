"""FIRE against no encoding and the formula."""

import math
from functools import partial

import pytest
import torch
from tests.scenes import inputs
from torch.testing import assert_close

from lengen.attention.softmax import Softmax
from lengen.block.inputs import Shape
from lengen.decoder import Architecture, Decoder
from lengen.pe.fire import FIRE
from lengen.pe.nope import NoPE
from lengen.testing import encoding as contract

SHAPE = Shape(32, 4)
SHARED = partial(FIRE, share_layers=True)


@pytest.mark.parametrize("queries", [1, 3, 9])
@pytest.mark.parametrize(
    ("rate", "stretch", "threshold"), [(0.1, 1.0, 8.0), (-0.7, 2.0, 300.0), (3.0, -0.5, 40.0)]
)
def test_formula(queries, rate, stretch, threshold):
    """Rows before and behind the threshold, signs of what is learned, single rows as in decoding."""
    pe = SHARED(SHAPE, hidden=5, threshold=threshold)
    pe.rate.data.fill_(rate)
    pe.stretch.data.fill_(stretch)
    key = torch.tensor([[0, 1, 2, 7, 8, 9, 40, 700, 2000]])
    ours = pe.logit_bias(key[:, 9 - queries :], key)[0]
    up, start, down, last = (
        x[0].double().tolist() for x in (pe.up.data, pe.up_bias.data, pe.down.data, pe.down_bias.data)
    )
    for i in range(queries):
        here = key[0, 9 - queries + i].item()
        below = math.log(abs(rate) * max(here, abs(stretch * threshold)) + 1) + 1e-6
        for j in range(9 - queries + i + 1):
            ratio = math.log(abs(rate) * (here - key[0, j].item()) + 1) / below
            assert 0 <= ratio <= 1
            for head in range(4):
                units = (max(up[u] * ratio + start[u], 0) * down[u][head] for u in range(5))
                assert ours[head, i, j].item() == pytest.approx(last[head] + sum(units), abs=2e-5)


def test_starts_as_a_linear_layer_does():
    """The bounds of torch's own layers: 1 for one input, 1/sqrt(hidden) for `hidden`."""
    pe = FIRE(Shape(256, 32, layers=4))
    for weight, bound in [(pe.up, 1), (pe.up_bias, 1), (pe.down, 32**-0.5), (pe.down_bias, 32**-0.5)]:
        assert len(weight) == 4
        assert 0.9 * bound < weight.abs().max() <= bound
        assert abs(weight.mean()) < 0.2 * bound
    assert pe.rate.tolist() == pytest.approx([0.1] * 4)
    assert pe.stretch.tolist() == [1.0] * 4


def test_no_last_layer_is_no_encoding():
    tokens, where = torch.arange(20).view(1, 20) % 7, torch.arange(20).view(1, 20)
    for zeroed in (
        ("down", "down_bias"),
        ("down",),
    ):  # a bias that is the same for all keys changes nothing either
        logits = []
        for encoding in (NoPE, FIRE):
            torch.manual_seed(0)
            made = Decoder(Architecture(), 7, encoding, Softmax)
            for name, weight in made.pe.named_parameters():
                weight.data.mul_(name not in zeroed)
            logits.append(made(tokens, where))
        assert_close(*logits, rtol=0, atol=1e-5)


def test_rows_before_the_threshold_know_distances_alone():
    pe, where = SHARED(SHAPE, threshold=20.0), torch.arange(10).unsqueeze(0)
    assert torch.equal(pe.logit_bias(where, where), pe.logit_bias(where + 10, where + 10))
    assert not torch.equal(pe.logit_bias(where, where), pe.logit_bias(where + 12, where + 12))


def test_everything_is_learned():
    pe, where = SHARED(SHAPE), torch.arange(30).unsqueeze(0)
    pe.logit_bias(where, where).square().sum().backward()
    for weight in pe.parameters():
        assert weight.grad.isfinite().all()
        assert weight.grad.any()


def test_layers_share_or_do_not():
    pe, view = FIRE(Shape(32, 4, layers=3)), partial(inputs, 5, 9)
    assert pe.logit_bias(view().query, view().key) is None
    query, key = torch.zeros(2, 4, 5, 8), torch.zeros(2, 4, 9, 8)
    one = SHARED(SHAPE)
    for layer in range(3):
        for name, weight in pe.named_parameters():
            getattr(one, name).data.copy_(weight[layer : layer + 1])
        assert torch.equal(
            pe.context(query, key, view(layer=layer)), one.logit_bias(view().query, view().key)
        )
    assert one.context(query, key, view()) is None
    contract.causality(SHARED, far=True)
    contract.cached(SHARED, looped=True)
    contract.padding(SHARED)
    contract.float32_tables(SHARED)
    contract.bfloat16(SHARED)
    contract.pairs(SHARED)


@pytest.mark.parametrize(
    ("options", "message"), [({"hidden": 0}, "pe.hidden=0"), ({"threshold": 0.0}, "pe.threshold=0.0")]
)
def test_refusals(options, message):
    with pytest.raises(ValueError, match=message):
        FIRE(SHAPE, **options)
