"""CABLE against x-transformers, ALiBi and the formula."""

import math

import pytest
import torch
from tests.scenes import inputs
from torch.testing import assert_close

from lengen.block.inputs import DecodingCache, Shape
from lengen.pe.alibi import ALiBi
from lengen.pe.cable import CABLE, accumulate, unsoftplus
from lengen.testing import encoding as contract

SHAPE = Shape(32, 4, 2)


def bias(pe, view):
    query, key = (torch.zeros(len(view.x), 4, places.shape[1], 8) for places in (view.query, view.key))
    return pe.context(query, key, view)


@pytest.mark.parametrize("layer", [0, 1])
def test_x_transformers(foreign, layer):
    """Theirs is minus our projection: logsigmoid(-h) = -softplus(h)."""
    pe, view = CABLE(SHAPE, std=0.5).double(), inputs(40, layer=layer)
    theirs = foreign("x_transformers.x_transformers").DataDependentAlibi(32, 4).double()
    with torch.no_grad():
        theirs.to_forget_gates[0].weight.copy_(-pe.gate.weight[layer])
        theirs.to_forget_gates[0].bias.copy_(-pe.gate.offset[layer])
        assert_close(bias(pe, view).tril(), theirs(view.x).tril(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("chunks", [[9], [5, 1, 3], [1] * 9])
def test_formula(chunks):
    """One by one, with the state carried from chunk to chunk."""
    pe, memory, end = CABLE(SHAPE, slope=0.3, std=0.2).double(), DecodingCache(), 0
    x = inputs(9).x
    h = (x @ pe.gate.weight[0].T + pe.gate.offset[0]).tolist()
    for chunk in chunks:
        end += chunk
        ours = bias(pe, inputs(chunk, end, x=x, memory=memory))
        for row, head in ((0, 0), (1, 3)):
            for i in range(end - chunk, end):
                for j in range(i + 1):
                    expected = -sum(math.log(1 + math.exp(h[row][m][head])) for m in range(j + 1, i + 1))
                    assert ours[row, head, i - end + chunk, j].item() == pytest.approx(expected, abs=1e-10)


def test_without_content_it_is_alibi():
    slopes = [0.7, 0.1, 0.02, 3.0]
    pe, alibi = CABLE(SHAPE, std=0.0), ALiBi(SHAPE, slopes)
    with torch.no_grad():
        pe.gate.offset.copy_(torch.tensor([unsoftplus(slope) for slope in slopes]))
    position = torch.arange(30).unsqueeze(0)
    ours = bias(pe, inputs(30)).tril()
    assert_close(ours[:1].float(), alibi.logit_bias(position, position).tril(), rtol=1e-5, atol=1e-5)


def test_start():
    pe = CABLE(SHAPE, slope=math.log(2), std=0.0)
    assert_close(pe.gate.offset, torch.zeros(2, 4), rtol=0, atol=1e-6)  # that of the official code
    assert torch.nn.functional.softplus(CABLE(SHAPE).gate.offset[0, 0]).item() == pytest.approx(0.05)
    assert unsoftplus(9999.0) == 9999.0


def test_never_a_reward():
    assert (bias(CABLE(SHAPE, std=1.0), inputs(50)) <= 0).all()


def test_sums_are_float32_under_autocast():
    pe = CABLE(SHAPE, slope=1.0)
    view = inputs(2000, x=torch.randn(2, 2000, 32))
    plain = bias(pe, view)
    with torch.autocast("cpu", torch.bfloat16):
        cast = bias(pe, view)
    assert cast.dtype == torch.float32
    assert torch.equal(plain, cast)


def test_accumulate():
    memory, steps = DecodingCache(), torch.rand(2, 3, 10, 4, dtype=torch.float64)
    parts = [accumulate(memory, "sum", part) for part in steps.split([4, 1, 5], 2)]
    assert_close(torch.cat(parts, 2), steps.cumsum(2))


def test_contract_where_content_counts():
    def encoding(shape):
        return CABLE(shape, std=1.0)

    contract.causality(encoding, far=True)
    contract.cached(encoding, looped=True)


def test_sharing():
    pe = CABLE(SHAPE, share_layers=True)
    assert pe.gate.weight.shape == (1, 4, 32)
    assert torch.equal(bias(pe, inputs(9)), bias(pe, inputs(9, layer=1)))
    pe = CABLE(SHAPE)
    assert not torch.equal(bias(pe, inputs(9)), bias(pe, inputs(9, layer=1)))


@pytest.mark.parametrize(
    ("options", "message"), [({"slope": 0.0}, "pe.slope=0.0"), ({"std": -1.0}, "pe.std=-1.0")]
)
def test_refusals(options, message):
    with pytest.raises(ValueError, match=message):
        CABLE(SHAPE, **options)
