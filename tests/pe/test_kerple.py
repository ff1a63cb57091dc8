"""KERPLE against ALiBi, no encoding and the formula."""

import math
from functools import partial

import pytest
import torch
from tests.scenes import inputs
from torch.testing import assert_close

from lengen.attention.softmax import Softmax
from lengen.block.inputs import Shape
from lengen.decoder import Architecture, Decoder
from lengen.pe.alibi import ALiBi
from lengen.pe.kerple import Kerple
from lengen.pe.nope import NoPE
from lengen.testing import encoding as contract

SHAPE = Shape(32, 4)
KINDS = pytest.mark.parametrize("kind", ["log", "power"])
WAYS = pytest.mark.parametrize("parametrisation", ["clamp", "softplus"])


def stands_for(weight, parametrisation, most):
    if parametrisation == "clamp":
        return min(max(weight, 0.01), most)
    return math.log1p(math.exp(weight)) if most == math.inf else most / (1 + math.exp(-weight))


@KINDS
@WAYS
@pytest.mark.parametrize("queries", [1, 3, 8])
def test_formula(kind, parametrisation, queries):
    """Also where a weight is out of bounds."""
    pe, most = Kerple(SHAPE, kind, parametrisation), math.inf if kind == "log" else 2.0
    with torch.no_grad():
        pe.factor[0, :2] = torch.tensor([-0.5, 3.0])
        pe.bend[0, 1:3] = torch.tensor([-1.0, 2.5])
    key = torch.rand((2, 3000), generator=torch.Generator().manual_seed(0)).topk(8).indices.sort(1).values
    ours = pe.logit_bias(key[:, 8 - queries :], key)
    for head in range(4):
        factor = stands_for(pe.factor[0, head].item(), parametrisation, math.inf)
        bend = stands_for(pe.bend[0, head].item(), parametrisation, most)
        for row in range(2):
            for i in range(queries):
                for j in range(8 - queries + i + 1):
                    distance = key[row, 8 - queries + i].item() - key[row, j].item()
                    kernel = math.log(1 + bend * distance) if kind == "log" else distance**bend
                    assert ours[row, head, i, j].item() == pytest.approx(-factor * kernel, rel=1e-4, abs=1e-7)


@KINDS
def test_parametrisations_start_alike(kind):
    """The same draws, in the authors' ranges."""
    where, made = torch.arange(50).unsqueeze(0), []
    for parametrisation in ("clamp", "softplus"):
        torch.manual_seed(0)
        made.append(Kerple(Shape(512, 64), kind, parametrisation))
    assert_close(made[0].logit_bias(where, where), made[1].logit_bias(where, where), rtol=1e-2, atol=1e-4)
    factor, bend = made[0].factor, made[0].bend
    assert min(factor.min(), bend.min()) >= 0
    wide, narrow = (factor, bend) if kind == "log" else (bend, factor)
    assert 1.5 < wide.max() <= 2
    assert 0.8 < narrow.max() <= 1


def test_power_of_one_is_alibi():
    pe, alibi, where = Kerple(SHAPE, "power"), ALiBi(SHAPE), torch.arange(60).unsqueeze(0)
    with torch.no_grad():
        pe.bend.fill_(1.0)
        pe.factor.copy_(torch.tensor([alibi.slopes]).clamp(min=0.01))
    expected = ALiBi(SHAPE, [max(slope, 0.01) for slope in alibi.slopes]).logit_bias(where, where)
    assert_close(pe.logit_bias(where, where), expected, rtol=1e-5, atol=1e-5)


@KINDS
def test_no_factor_is_no_encoding(kind):
    tokens, where = torch.arange(20).view(1, 20) % 7, torch.arange(20).view(1, 20)
    logits = []
    for encoding in (NoPE, partial(Kerple, kind=kind, parametrisation="softplus")):
        torch.manual_seed(0)
        made = Decoder(Architecture(), 7, encoding, Softmax)
        for weight in made.pe.parameters():
            weight.data.fill_(-50.0)
        logits.append(made(tokens, where))
    assert_close(*logits, rtol=0, atol=1e-5)


@KINDS
@WAYS
def test_gradients_are_finite_and_reach_what_is_clamped(kind, parametrisation):
    pe, where = Kerple(SHAPE, kind, parametrisation), torch.arange(30).unsqueeze(0)
    with torch.no_grad():
        pe.factor[0, 0], pe.bend[0, 1] = -1.0, -1.0
    pe.logit_bias(where, where).sum().backward()
    for gradient in (pe.factor.grad, pe.bend.grad):
        assert gradient.isfinite().all()
        assert (gradient != 0).all()


@KINDS
def test_a_layer_may_have_its_own(kind):
    own = partial(Kerple, kind=kind, share_layers=False)
    pe, view = own(Shape(32, 4, layers=3)), partial(inputs, 5, 9)
    assert pe.logit_bias(view().query, view().key) is None
    assert pe.factor.shape == pe.bend.shape == (3, 4)
    query, key = torch.zeros(2, 4, 5, 8), torch.zeros(2, 4, 9, 8)
    made = [pe.context(query, key, view(layer=layer)) for layer in range(3)]
    shared = Kerple(SHAPE, kind)
    for layer in range(3):
        with torch.no_grad():
            shared.factor.copy_(pe.factor[layer : layer + 1])
            shared.bend.copy_(pe.bend[layer : layer + 1])
        assert torch.equal(made[layer], shared.logit_bias(view().query, view().key))
    assert shared.context(query, key, view()) is None
    contract.causality(own, far=True)
    contract.cached(own, looped=True)
    contract.padding(own)
    contract.bfloat16(own)
