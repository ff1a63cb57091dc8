"""Sinusoidal embeddings against GPT-J, XLM, x-transformers and the formula."""

import math

import pytest
import torch
from torch.testing import assert_close

from lengen.block.inputs import Shape
from lengen.pe.sinusoidal import Sinusoidal

SHAPE = Shape(32, 4)
COUNT = torch.arange(600).unsqueeze(0)


def waves(positions, **options):
    return Sinusoidal(SHAPE, **options).embed(torch.zeros(*positions.shape, 32), positions)[0]


def test_concatenated_of_gpt_j(foreign):
    theirs = foreign("transformers.models.gptj.modeling_gptj").create_sinusoidal_positions(600, 32)
    assert_close(waves(COUNT, layout="concatenated"), theirs, rtol=0, atol=2e-4)


def test_concatenated_of_x_transformers(foreign):
    theirs = foreign("x_transformers.x_transformers").ScaledSinusoidalEmbedding(32)
    torch.nn.init.constant_(theirs.scale, 0.3)
    expected = theirs(torch.zeros(1, 600, 32)).detach()
    assert_close(waves(COUNT, layout="concatenated", scale=0.3), expected, rtol=0, atol=2e-4)


def test_interleaved_of_xlm(foreign):
    table = torch.empty(600, 32)
    foreign("transformers.models.xlm.modeling_xlm").create_sinusoidal_embeddings(600, 32, table)
    assert_close(waves(COUNT), table, rtol=0, atol=2e-4)


@pytest.mark.parametrize("layout", ["interleaved", "concatenated"])
@pytest.mark.parametrize(("far", "tolerance"), [(64, 2e-5), (8192, 3e-3)])  # an angle has 24 bits
def test_formula(layout, far, tolerance):
    positions = [0, 1, far // 3, far - 1, far]
    ours = waves(torch.tensor([positions]), base=777.0, layout=layout, scale=0.5)
    for time, position in enumerate(positions):
        for c in range(16):
            angle = position * 777.0 ** (-2 * c / 32)
            sine, cosine = (2 * c, 2 * c + 1) if layout == "interleaved" else (c, c + 16)
            assert ours[time, sine].item() == pytest.approx(0.5 * math.sin(angle), abs=tolerance)
            assert ours[time, cosine].item() == pytest.approx(0.5 * math.cos(angle), abs=tolerance)


def test_zero_scale_adds_nothing():
    x = torch.randn(2, 600, 32)
    assert torch.equal(Sinusoidal(SHAPE, scale=0.0).embed(x, COUNT), x)


def test_refusals():
    with pytest.raises(ValueError, match=r"decoder.dim=9: must be even for pe=sinusoidal"):
        Sinusoidal(Shape(9, 3))
    with pytest.raises(ValueError, match=r"pe.base=0.5"):
        Sinusoidal(SHAPE, base=0.5)
