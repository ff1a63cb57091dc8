"""RoPE against Llama, GPT-NeoX, GPT-J, x-transformers and the formula."""

import cmath

import pytest
import torch
from torch.testing import assert_close

from lengen.block.inputs import Shape
from lengen.pe.rope import RoPE

SHAPE = Shape(64, 4)
POSITIONS = torch.tensor([list(range(12)), [5, 17, 40, 41, 99, 150, 200, 256, 257, 300, 400, 511]])


def draw(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def rotate(pe, x, positions):
    return pe.rotate(x, pe.make_table(positions))


@pytest.mark.parametrize("base", [10000.0, 500.0])
def test_llama(foreign, base):
    llama = foreign("transformers.models.llama.modeling_llama")
    rope = {"rope_type": "default", "rope_theta": base}
    table = llama.LlamaRotaryEmbedding(
        llama.LlamaConfig(hidden_size=64, num_attention_heads=4, rope_parameters=rope)
    )
    query, key = draw(2, 2, 4, 12, 16)
    theirs = llama.apply_rotary_pos_emb(query, key, *table(query, POSITIONS))
    pe = RoPE(SHAPE, base)
    assert_close((rotate(pe, query, POSITIONS), rotate(pe, key, POSITIONS)), theirs, rtol=0, atol=3e-4)


@pytest.mark.parametrize("fraction", [0.25, 0.5, 1.0])
def test_gpt_neox(foreign, fraction):
    """Partial rotary: the leading channels turn, the others pass."""
    neox = foreign("transformers.models.gpt_neox.modeling_gpt_neox")
    rope = {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": fraction}
    config = neox.GPTNeoXConfig(hidden_size=64, num_attention_heads=4, rope_parameters=rope)
    x = draw(2, 4, 12, 16)
    theirs, _ = neox.apply_rotary_pos_emb(x, x, *neox.GPTNeoXRotaryEmbedding(config)(x, POSITIONS))
    assert_close(rotate(RoPE(SHAPE, fraction=fraction), x, POSITIONS), theirs, rtol=0, atol=3e-4)


def test_gpt_j(foreign):
    gptj = foreign("transformers.models.gptj.modeling_gptj")
    sin, cos = gptj.create_sinusoidal_positions(512, 16)[POSITIONS].chunk(2, -1)
    x = draw(2, 4, 12, 16)
    theirs = gptj.apply_rotary_pos_emb(x.transpose(1, 2), sin, cos).transpose(1, 2)
    assert_close(rotate(RoPE(SHAPE, pairing="interleaved"), x, POSITIONS), theirs, rtol=0, atol=3e-4)


@pytest.mark.parametrize("fraction", [0.25, 1.0])
def test_x_transformers(foreign, fraction):
    package = foreign("x_transformers.x_transformers")
    x = draw(2, 4, 12, 16)
    table, scale = package.RotaryEmbedding(int(16 * fraction))(POSITIONS)
    theirs = package.apply_rotary_pos_emb(x, table, scale)
    assert_close(
        rotate(RoPE(SHAPE, fraction=fraction, pairing="interleaved"), x, POSITIONS), theirs, rtol=0, atol=3e-4
    )


@pytest.mark.parametrize("pairing", ["half", "interleaved"])
@pytest.mark.parametrize("fraction", [0.25, 0.5, 1.0])
@pytest.mark.parametrize(("far", "tolerance"), [(64, 2e-5), (8192, 3e-3)])  # an angle has 24 bits
def test_formula(pairing, fraction, far, tolerance):
    """Each pair as a complex number, turned by position * base^(-2c/r), in float64 and one by one."""
    channels, base = int(16 * fraction), 777.0
    positions = torch.tensor([[0, 1, far // 3, far - 1, far]])
    x = draw(1, 4, 5, 16)
    ours = rotate(RoPE(SHAPE, base, fraction, pairing), x, positions)
    expected = x.double().clone()
    for c in range(channels // 2):
        a, b = (c, c + channels // 2) if pairing == "half" else (2 * c, 2 * c + 1)
        for head in range(4):
            for time, position in enumerate(positions[0].tolist()):
                vector = x[0, head, time].tolist()
                turned = complex(vector[a], vector[b]) * cmath.exp(
                    1j * position * base ** (-2 * c / channels)
                )
                expected[0, head, time, a], expected[0, head, time, b] = turned.real, turned.imag
    assert_close(ours.double(), expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("pairing", ["half", "interleaved"])
@pytest.mark.parametrize("fraction", [0.25, 1.0])
def test_identities(pairing, fraction):
    pe, (query, key) = RoPE(SHAPE, fraction=fraction, pairing=pairing), draw(2, 2, 4, 12, 16)
    assert torch.equal(rotate(pe, query, torch.zeros(1, 12, dtype=torch.long)), query)
    assert_close(rotate(pe, query, POSITIONS).norm(dim=-1), query.norm(dim=-1))
    scores = [rotate(pe, query, p) @ rotate(pe, key, p).mT for p in (POSITIONS, POSITIONS + 37)]
    assert_close(*scores, rtol=0, atol=1e-3)
    twice = rotate(pe, rotate(pe, query, POSITIONS), POSITIONS)
    assert_close(twice, rotate(pe, query, 2 * POSITIONS), rtol=0, atol=1e-3)


def test_pairings_are_one_model():
    """The same class of models up to a fixed order of the channels."""
    (query, key), order = draw(2, 2, 4, 12, 16), torch.arange(16).view(2, 8).T.flatten()
    scores = [
        rotate(pe, q, POSITIONS) @ rotate(pe, k, POSITIONS).mT
        for pe, q, k in (
            (RoPE(SHAPE), query, key),
            (RoPE(SHAPE, pairing="interleaved"), query[..., order], key[..., order]),
        )
    ]
    assert_close(*scores, rtol=0, atol=1e-5)


def test_positions_may_be_real():
    pe, x = RoPE(SHAPE), draw(2, 4, 12, 16)
    assert_close(
        rotate(pe, rotate(pe, x, POSITIONS / 2), POSITIONS / 2), rotate(pe, x, POSITIONS), rtol=0, atol=1e-4
    )


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        (SHAPE, {"base": 1.0}, "pe.base=1.0"),
        (SHAPE, {"fraction": 0.0}, "pe.fraction=0.0"),
        (SHAPE, {"fraction": 1.5}, "pe.fraction=1.5"),
        (SHAPE, {"fraction": 0.2}, "pe.fraction=0.2: rotates 3 of the 16 channels per head"),
        (Shape(12, 4), {}, r"decoder.dim=12 with decoder.heads=4: gives 3 channels per head"),
    ],
)
def test_refusals(shape, options, message):
    with pytest.raises(ValueError, match=message):
        RoPE(shape, **options)
