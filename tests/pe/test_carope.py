"""CARoPE against RoPE and the formula."""

import cmath
import math

import pytest
import torch
from tests.scenes import inputs
from torch.testing import assert_close

from lengen.block.inputs import DecodingCache, Shape
from lengen.pe.carope import CARoPE
from lengen.pe.rope import RoPE
from lengen.testing import encoding as contract

SHAPE = Shape(32, 4, 2)


def draw(time, dtype=torch.float64):
    return torch.randn(3, 2, 4, time, 8, generator=torch.Generator().manual_seed(0), dtype=dtype)


@pytest.mark.parametrize("pairing", ["half", "interleaved"])
@pytest.mark.parametrize("base", [10000.0, 50.0])
def test_start_is_rope_one_position_on(pairing, base):
    query, key, value = draw(40, torch.float32)
    rope, pe = RoPE(SHAPE, base, pairing=pairing), CARoPE(SHAPE, base, pairing)
    expected = rope.transform(
        query, key, value, rope.make_table(torch.arange(1, 41).unsqueeze(0)), inputs(40)
    )
    assert_close(pe.transform(query, key, value, None, inputs(40)), expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("head_dim", [2, 4, 64])
def test_start_of_any_head(head_dim):
    pe = CARoPE(Shape(2 * head_dim, 2), base=10000.0)
    view = inputs(3, x=torch.randn(1, 3, 2 * head_dim))
    turned = 10000 ** (-2 * torch.arange(head_dim // 2) / head_dim) * torch.arange(1, 4).unsqueeze(1)
    assert_close(pe.phases(view), turned.expand(1, 2, 3, -1), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("pairing", ["half", "interleaved"])
@pytest.mark.parametrize("chunks", [[9], [5, 1, 3], [1] * 9])
def test_formula(pairing, chunks):
    """Each pair as a complex number, turned by a sum of powers, one by one; the sum is carried from chunk to chunk."""
    pe, memory, end = CARoPE(SHAPE, pairing=pairing, std=0.5).double(), DecodingCache(), 0
    x, (query, key, value) = inputs(9).x, draw(9)
    h = (x @ pe.gate.weight[0].T + pe.gate.offset[0]).tolist()
    for chunk in chunks:
        start, end = end, end + chunk
        view = inputs(chunk, end, x=x, memory=memory)
        parts = (part[:, :, start:end] for part in (query, key, value))
        ours = pe.transform(*parts, None, view)
        assert torch.equal(ours[2], value[:, :, start:end])
        for c in range(4):
            a, b = (c, c + 4) if pairing == "half" else (2 * c, 2 * c + 1)
            for row, head in ((0, 0), (1, 3)):
                for t in range(start, end):
                    f = [1 / (math.log(1 + math.exp(h[row][m][head])) + 1) for m in range(t + 1)]
                    turn = cmath.exp(1j * sum(one**c for one in f))
                    for got, raw in zip(ours[:2], (query, key), strict=True):
                        vector = raw[row, head, t].tolist()
                        expected = complex(vector[a], vector[b]) * turn
                        assert got[row, head, t - start, a].item() == pytest.approx(expected.real, abs=1e-10)
                        assert got[row, head, t - start, b].item() == pytest.approx(expected.imag, abs=1e-10)


def test_scores_see_what_lies_between():
    """Earlier content turns queries and keys alike, so it changes no logit among later tokens."""
    pe, (query, key, value) = CARoPE(SHAPE, std=0.5).double(), draw(9)
    x = inputs(9).x
    changed = torch.cat([3 * x[:, :2], x[:, 2:]], 1)
    scores = []
    for seen in (x, changed):
        q, k, _ = pe.transform(query, key, value, None, inputs(9, x=seen))
        scores.append(q @ k.mT)
    assert_close(scores[0][..., 2:, 2:], scores[1][..., 2:, 2:], rtol=0, atol=1e-10)
    assert (scores[0][..., 2:, 0] - scores[1][..., 2:, 0]).abs().max() > 1e-2


def test_phases_are_float32_under_autocast():
    pe = CARoPE(SHAPE, std=0.5)
    view = inputs(2000, x=torch.randn(2, 2000, 32))
    plain = pe.phases(view)
    with torch.autocast("cpu", torch.bfloat16):
        cast = pe.phases(view)
    assert cast.dtype == torch.float32
    assert torch.equal(plain, cast)


def test_contract_where_content_counts():
    def encoding(shape):
        return CARoPE(shape, std=1.0)

    contract.causality(encoding, far=True)
    contract.cached(encoding, looped=True)
    contract.bfloat16(encoding)


def test_frequencies_are_learned_from_the_start():
    pe, (query, key, value) = CARoPE(SHAPE), draw(9, torch.float32)
    q, k, _ = pe.transform(query, key, value, None, inputs(9, layer=1))
    (q @ k.mT).square().sum().backward()
    assert pe.gate.weight.grad[1].any(-1).all()
    assert not pe.gate.weight.grad[0].any()


def test_sharing():
    pe = CARoPE(SHAPE, std=0.5, share_layers=True)
    assert pe.gate.weight.shape == (1, 4, 32)
    assert torch.equal(pe.phases(inputs(9)), pe.phases(inputs(9, layer=1)))
    pe = CARoPE(SHAPE, std=0.5)
    assert not torch.equal(pe.phases(inputs(9)), pe.phases(inputs(9, layer=1)))


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        (SHAPE, {"base": 1.0}, "pe.base=1.0"),
        (SHAPE, {"std": -1.0}, "pe.std=-1.0"),
        (Shape(12, 4), {}, r"decoder.dim=12 with decoder.heads=4: gives 3 channels per head"),
    ],
)
def test_refusals(shape, options, message):
    with pytest.raises(ValueError, match=message):
        CARoPE(shape, **options)
