"""xPos against x-transformers, RoPE and the formula."""

import cmath
import re

import pytest
import torch
from tests.scenes import inputs
from torch.testing import assert_close

from lengen.block.inputs import Shape
from lengen.pe.rope import RoPE
from lengen.pe.xpos import XPos

SHAPE = Shape(64, 4)
POSITIONS = torch.tensor([[0, 1, 5, 17, 40, 41, 99, 150, 256, 257, 400, 511]])


def draw(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def logits(pe, query, key, positions=POSITIONS):
    query, key, _ = pe.transform(query, key, key, pe.make_table(positions), inputs(positions.shape[1]))
    return query @ key.mT


@pytest.mark.parametrize("fraction", [0.5, 1.0])
@pytest.mark.parametrize("scale_base", [512, 64])
def test_x_transformers(foreign, fraction, scale_base):
    """Logits: its vectors have another centre, which no distance sees."""
    package = foreign("x_transformers.x_transformers")
    table, scale = package.RotaryEmbedding(int(16 * fraction), use_xpos=True, scale_base=scale_base)(
        POSITIONS
    )
    query, key = draw(2, 2, 4, 12, 16)
    turned = package.apply_rotary_pos_emb(query, table, scale)
    theirs = turned @ package.apply_rotary_pos_emb(key, table, 1 / scale).mT
    pe = XPos(SHAPE, fraction=fraction, pairing="interleaved", scale_base=scale_base)
    assert_close(logits(pe, query, key).tril(), theirs.tril(), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("pairing", ["half", "interleaved"])
@pytest.mark.parametrize(
    "options",
    [{}, {"fraction": 0.5}, {"gamma": 2.0, "scale_base": 30.0, "base": 777.0}, {"centre": 300.0}],
)
def test_formula(pairing, options):
    """Re[q conj(k) zeta^(distance / S) e^(i distance theta)], pair by pair, in float64."""
    base, gamma, span = options.get("base", 1e4), options.get("gamma", 0.4), options.get("scale_base", 512.0)
    channels, (query, key) = int(16 * options.get("fraction", 1)), draw(2, 1, 4, 12, 16)
    ours = logits(XPos(SHAPE, pairing=pairing, **options), query, key)
    where = POSITIONS[0].tolist()
    for head in (0, 3):
        for i, j in [(0, 0), (3, 1), (5, 4), (11, 0), (11, 10), (9, 6)]:
            q, k, distance = query[0, head, i].tolist(), key[0, head, j].tolist(), where[i] - where[j]
            expected = sum(a * b for a, b in zip(q[channels:], k[channels:], strict=True))
            for c in range(channels // 2):
                a, b = (c, c + channels // 2) if pairing == "half" else (2 * c, 2 * c + 1)
                zeta = (2 * c / channels + gamma) / (1 + gamma)
                turn = cmath.exp(1j * distance * base ** (-2 * c / channels))
                pair = complex(q[a], q[b]) * complex(k[a], k[b]).conjugate() * turn
                expected += zeta ** (distance / span) * pair.real
            assert ours[0, head, i, j].item() == pytest.approx(expected, rel=2e-4, abs=2e-4)


def test_raw_factors_of_the_first_pair():
    """12 at 1k, 5e8 at 8k, 7e34 at 32k."""
    pe = XPos(SHAPE)
    first = pe.make_table(torch.tensor([[1024, 8192, 32000]]))[2:, 0, 0, :, 0].double().norm(dim=0)
    expected = torch.tensor([3.5**2, 3.5**16, 3.5**62.5], dtype=torch.float64)
    assert_close(first, expected, rtol=1e-4, atol=0)
    assert first[0].item() == pytest.approx(12, rel=0.05)
    assert first[1].item() == pytest.approx(5e8, rel=0.05)


def test_slow_fading_is_rope():
    query, key = draw(2, 2, 4, 12, 16)
    rope = logits(RoPE(SHAPE), query, key)
    assert torch.equal(logits(XPos(SHAPE, gamma=float("inf")), query, key), rope)
    assert_close(logits(XPos(SHAPE, gamma=1e6), query, key), rope, rtol=0, atol=1e-3)
    assert (logits(XPos(SHAPE), query, key) - rope).abs().max() > 0.1


def test_only_distances_matter():
    query, key = draw(2, 2, 4, 12, 16)
    near = logits(XPos(SHAPE), query, key)
    assert_close(logits(XPos(SHAPE), query, key, POSITIONS + 20000), near, rtol=1e-3, atol=2e-2)
    assert_close(logits(XPos(SHAPE, centre=256.0), query, key), near, rtol=1e-4, atol=1e-4)


def test_range_of_float32():
    pe = XPos(SHAPE)
    assert pe.budget == 32696
    assert XPos(SHAPE, centre=pe.span).budget == 65392
    query, key = draw(2, 1, 4, 2, 16)
    last = torch.tensor([[pe.budget - 2, pe.budget - 1]])
    near = logits(pe, query, key, torch.tensor([[0, 1]]))
    assert_close(logits(pe, query, key, last), near, rtol=1e-3, atol=3e-2)
    with pytest.raises(ValueError, match="positions must be below 32696"):
        pe.make_table(torch.tensor([[0, 32696]]))
    assert XPos(SHAPE, gamma=float("inf")).budget is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"gamma": 0.0}, "pe.gamma=0.0"),
        ({"scale_base": 0.0}, "pe.scale_base=0.0"),
        ({"centre": -1.0}, "pe.centre=-1.0: must be in [0, 32696], or factors overflow float32"),
        ({"centre": 40000.0}, "pe.centre=40000.0"),
        ({"base": 1.0}, "pe.base=1.0"),
    ],
)
def test_refusals(options, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        XPos(SHAPE, **options)
