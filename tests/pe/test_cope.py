"""CoPE against x-transformers, its identities and the formula."""

import math

import pytest
import torch
from tests.scenes import inputs
from torch.testing import assert_close

from lengen.attention.softmax import Softmax
from lengen.block.inputs import Shape
from lengen.decoder import Architecture, Decoder
from lengen.pe.cope import CoPE
from lengen.pe.nope import NoPE
from lengen.testing import encoding as contract

SHAPE = Shape(32, 4, 2)
SIZES = pytest.mark.parametrize(("queries", "keys"), [(12, 12), (1, 9), (4, 11)])


def trained(shape=SHAPE, **options):
    """With vectors that are not zero."""
    torch.manual_seed(0)
    pe = CoPE(shape, **options)
    torch.nn.init.normal_(pe.columns)
    return pe


def draw(queries, keys):
    chance = torch.Generator().manual_seed(0)
    x = torch.randn(2, 2, 4, keys, 8, generator=chance)
    return x[0, :, :, keys - queries :], x[1]


@SIZES
@pytest.mark.parametrize("maximum", [3, 64])
def test_x_transformers(foreign, queries, keys, maximum):
    pe, (query, key) = trained(maximum=maximum), draw(queries, keys)
    theirs = foreign("x_transformers.x_transformers").CoPE(8, 4, maximum)
    view = inputs(queries, keys, layer=1)
    with torch.no_grad():
        theirs.pos_emb.copy_(pe.columns[1].T)
        logits = (query @ key.mT * 8**-0.5).masked_fill(view.later, -1e30)
        expected = theirs(query, logits)
        ours = pe.context(query, key, view)
    seen = ~view.later
    assert_close(ours * seen, expected * seen, rtol=1e-5, atol=1e-5)
    assert ours.isfinite().all()


@SIZES
@pytest.mark.parametrize("divide", [False, True])
def test_formula(queries, keys, divide):
    pe, (query, key) = trained(maximum=4, divide=divide), draw(queries, keys)
    ours = pe.context(query, key, inputs(queries, keys))
    e = pe.columns[0].T.tolist()
    for row, head in ((0, 0), (1, 3)):
        for i in range(queries):
            q, count = query[row, head, i].tolist(), 0.0
            for j in range(keys - queries + i, -1, -1):
                dot = sum(a * b for a, b in zip(q, key[row, head, j].tolist(), strict=True))
                count += 1 / (1 + math.exp(-dot / math.sqrt(8)))
                p = min(count, 3)
                low, high = (
                    sum(a * b for a, b in zip(q, e[f(p)], strict=True)) for f in (math.floor, math.ceil)
                )
                expected = (1 - (p - math.floor(p))) * low + (p - math.floor(p)) * high
                expected /= math.sqrt(8) if divide else 1
                assert ours[row, head, i, j].item() == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_open_gates_count_tokens():
    """With every gate at 1, the term is one of the distance + 1, clipped: q e[min(D + 1, P - 1)]."""
    pe, large = trained(maximum=6), torch.full((1, 4, 9, 8), 30.0)
    ours = pe.context(large, large, inputs(9, rows=1))
    for i in range(9):
        for j in range(i + 1):
            expected = large[0, 0, i] @ pe.columns[0, :, min(i - j + 1, 5)]
            assert_close(ours[0, :, i, j], expected.expand(4), rtol=1e-5, atol=1e-4)


def test_start_is_nope():
    tokens, positions = torch.arange(20).view(1, 20) % 7, torch.arange(20).view(1, 20)
    logits = []
    for encoding in (NoPE, CoPE):
        torch.manual_seed(0)
        logits.append(Decoder(Architecture(), 7, encoding, Softmax)(tokens, positions))
    assert_close(*logits, rtol=0, atol=1e-5)


def test_contract_where_content_counts():
    contract.causality(trained, far=True)
    contract.cached(trained, looped=True)
    contract.padding(trained)


def test_gradients_reach_gates_and_vectors():
    pe, (query, key) = trained(), draw(9, 9)
    view, key = inputs(9), key.requires_grad_()
    (pe.context(query, key, view) * ~view.later).sum().backward()
    assert pe.columns.grad[0].any()
    assert not pe.columns.grad[1].any()
    assert key.grad.any(-1).all()


def test_counts_are_float32_under_autocast():
    pe, (query, key) = trained(maximum=300), draw(300, 300)
    plain = pe.context(query, key, inputs(300))
    with torch.autocast("cpu", torch.bfloat16):
        cast = pe.context(query, key, inputs(300))
    assert cast.dtype == torch.float32
    assert torch.equal(plain, cast)


def test_sharing():
    pe, (query, key) = trained(share_layers=True), draw(9, 9)
    assert pe.columns.shape == (1, 8, 64)
    assert torch.equal(pe.context(query, key, inputs(9)), pe.context(query, key, inputs(9, layer=1)))
    pe = trained()
    assert not torch.equal(pe.context(query, key, inputs(9)), pe.context(query, key, inputs(9, layer=1)))


def test_refusals():
    with pytest.raises(ValueError, match=r"pe\.maximum=0: must be at least 1"):
        CoPE(SHAPE, maximum=0)
