"""ComRoPE against torch's matrix exponential and RoPE."""

from functools import partial

import pytest
import torch
from tests.scenes import inputs
from torch.testing import assert_close

from lengen.block.inputs import Shape
from lengen.pe.comrope import ComRoPE
from lengen.pe.rope import RoPE
from lengen.testing import encoding as contract

SHAPE = Shape(64, 4, layers=3)
POSITIONS = torch.tensor([[0, 1, 2, 5, 17, 40, 41, 99]])


def draw(*shape, dtype=torch.float64):
    return torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=dtype)


def logits(pe, query, key, positions=POSITIONS, layer=0):
    query, key, _ = pe.transform(
        query, key, key, pe.make_table(positions), inputs(positions.shape[1], layer=layer)
    )
    return query @ key.mT


def trained(**options):
    """As if something had been learned."""
    torch.manual_seed(0)
    pe = ComRoPE(SHAPE, **options).double()
    for weight in pe.parameters():
        weight.data.add_(torch.randn_like(weight), alpha=0.5)
    return pe


@pytest.mark.parametrize("block", [2, 4, 8, 16])
@pytest.mark.parametrize("layer", [0, 2])
def test_matrix_exponential(block, layer):
    """expm(position * A) with A = V F V^T, block by block and position by position, in float64."""
    pe, (query, key) = trained(block=block), draw(2, 2, 4, 8, 16)
    ours = logits(pe, query, key, layer=layer)
    turned = [torch.empty_like(query), torch.empty_like(key)]
    for head in range(4):
        frequency = pe.log_frequency[layer, head].exp()
        for start in range(0, 16, block):
            mixing = pe.mixing[layer, head, start // block]
            basis = torch.matrix_exp(mixing - mixing.T)
            normal = torch.zeros(block, block, dtype=torch.float64)
            for pair in range(block // 2):
                normal[2 * pair + 1, 2 * pair] = frequency[start // 2 + pair]
                normal[2 * pair, 2 * pair + 1] = -frequency[start // 2 + pair]
            generator = basis @ normal @ basis.T
            assert_close(generator, -generator.T, rtol=0, atol=1e-12)
            for time, position in enumerate(POSITIONS[0].tolist()):
                turn = torch.matrix_exp(generator * position)
                for x, out in zip((query, key), turned, strict=True):
                    out[:, head, time, start : start + block] = (
                        x[:, head, time, start : start + block] @ turn.T
                    )
    assert_close(ours, turned[0] @ turned[1].mT, rtol=0, atol=1e-8)


@pytest.mark.parametrize("block", [2, 8])
@pytest.mark.parametrize("base", [10000.0, 50.0])
def test_starts_as_rope(block, base):
    query, key = draw(2, 2, 4, 8, 16, dtype=torch.float32)
    rope = logits(RoPE(SHAPE, base, pairing="interleaved"), query, key)
    for layer in range(3):
        assert_close(logits(ComRoPE(SHAPE, base, block), query, key, layer=layer), rope, rtol=0, atol=1e-3)


def test_blocks_of_two_are_rope_with_learned_frequencies():
    """A rotation of a pair turns pairs as wholes: what is mixed does not matter, frequencies do."""
    pe, (query, key) = trained(block=2), draw(2, 2, 4, 8, 16)
    before = logits(pe, query, key)
    pe.mixing.data.zero_()
    assert_close(logits(pe, query, key), before, rtol=0, atol=1e-9)
    angles = POSITIONS[0].view(1, -1, 1) * pe.log_frequency[0].exp().unsqueeze(1)
    a, b = torch.polar(torch.ones_like(angles), angles) * torch.view_as_complex(
        torch.stack([query, key]).unflatten(-1, (8, 2))
    )
    assert_close(before, (a @ b.mH).real, rtol=0, atol=1e-9)


def test_identities():
    pe, (query, key) = trained(), draw(2, 2, 4, 8, 16)
    plain = query @ key.mT
    assert_close(logits(pe, query, key, torch.zeros_like(POSITIONS)), plain, rtol=0, atol=1e-9)
    assert_close(logits(pe, query, key, POSITIONS + 37), logits(pe, query, key), rtol=0, atol=1e-8)
    basis = pe.basis(1)
    assert_close(basis @ basis.mT, torch.eye(8, dtype=basis.dtype).expand_as(basis), rtol=0, atol=1e-9)


def test_everything_is_learned():
    pe, (query, key) = ComRoPE(Shape(64, 4), share_layers=True), draw(2, 2, 4, 8, 16, dtype=torch.float32)
    logits(pe, query, key).square().sum().backward()
    assert pe.log_frequency.grad.isfinite().all()
    assert (pe.log_frequency.grad != 0).all()
    assert pe.mixing.grad.isfinite().all()
    assert pe.mixing.grad.flatten(3).any(-1).all()


def test_layers_share_or_do_not():
    own, shared = trained(), partial(ComRoPE, share_layers=True)
    query, key = draw(2, 2, 4, 8, 16)
    first, second = (logits(own, query, key, layer=layer) for layer in (0, 1))
    assert (first - second).abs().max() > 0.1
    one = shared(SHAPE).double()
    for name, weight in own.named_parameters():
        getattr(one, name).data.copy_(weight[1:2])
    for layer in range(3):
        assert_close(logits(one, query, key, layer=layer), second, rtol=0, atol=1e-12)
    contract.causality(shared, far=True)
    contract.cached(shared, looped=True)


def test_basis_is_exact_under_autocast():
    pe = trained().float()
    plain = pe.basis(0)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(pe.basis(0), plain)
    assert plain.dtype == torch.float32


@pytest.mark.parametrize("block", [0, 3, 6, 32])
def test_refusals(block):
    with pytest.raises(ValueError, match=f"pe.block={block}: must be even and divide the 16"):
        ComRoPE(SHAPE, block=block)
