"""Wavelets against PyWavelets, no encoding and the formula."""

import math

import pytest
import torch
from tests.scenes import inputs
from torch.testing import assert_close

from lengen.attention.softmax import Softmax
from lengen.block.inputs import Shape
from lengen.decoder import Architecture, Decoder
from lengen.pe.nope import NoPE
from lengen.pe.wavelet import Wavelet

SHAPE = Shape(64, 4)


def draw(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_py_wavelets(foreign):
    """Its Mexican hat has unit energy: ours times 2 / (sqrt(3) pi^(1/4))."""
    theirs, where = foreign("pywt").ContinuousWavelet("mexh").wavefun(length=1000)
    for scale in (1.0, 4.0):
        pe = Wavelet(Shape(2, 2), scales=1, smallest=scale)
        ours = pe.waves(torch.from_numpy(where) * scale).squeeze(-1)
        assert_close(ours * 2 / (math.sqrt(3) * math.pi**0.25), torch.from_numpy(theirs), rtol=0, atol=1e-9)


@pytest.mark.parametrize(("scales", "smallest"), [(4, 1.0), (1, 1.0), (16, 0.5), (2, 4.0)])
@pytest.mark.parametrize("queries", [1, 3, 7])
def test_formula(scales, smallest, queries):
    pe, query, key = Wavelet(SHAPE, scales, smallest), draw(2, 4, queries, 16), draw(2, 4, 7, 16)
    where = torch.tensor([[0, 1, 2, 3, 9, 20, 70], [5, 3, 3, 0, 1, 900, 2]])
    ours = pe.context(query, key, inputs(queries, 7, positions=where))
    shifts = 16 // scales
    for row in range(2):
        for i in range(queries):
            for j in range(7):
                t, total = where[row, 7 - queries + i].item() - where[row, j].item(), [0.0] * 4
                for scale in range(scales):
                    for shift in range(shifts):
                        u = (t - shift) / (smallest * 2**scale)
                        wave = (1 - u * u) * math.exp(-u * u / 2)
                        for head in range(4):
                            total[head] += query[row, head, i, scale * shifts + shift].item() * wave
                assert ours[row, :, i, j].tolist() == pytest.approx([x / 4 for x in total], abs=1e-9)


def test_channels_peak_at_their_shifts():
    waves = Wavelet(SHAPE).waves(torch.arange(-20.0, 21.0))
    assert waves.argmax(0).sub(20).tolist() == [0, 1, 2, 3] * 4
    assert (waves.amax(0) == 1).all()


def test_far_keys_are_compared_as_without_positions():
    pe, query, key = Wavelet(SHAPE), draw(2, 4, 5, 16), draw(2, 4, 5, 16)
    bias = pe.context(query, key, inputs(5, positions=torch.arange(5).unsqueeze(0) * 4000))
    assert not bias.tril(-1).any()
    assert bias.diagonal(dim1=2, dim2=3).all()


def test_no_waves_are_no_encoding(monkeypatch):
    tokens, where, logits = torch.arange(20).view(1, 20) % 7, torch.arange(20).view(1, 20), []
    waves = Wavelet.waves
    for encoding, factor in ((NoPE, 0), (Wavelet, 0), (Wavelet, 1)):
        monkeypatch.setattr(Wavelet, "waves", lambda pe, distance, by=factor: by * waves(pe, distance))
        torch.manual_seed(0)
        logits.append(Decoder(Architecture(), 7, encoding, Softmax)(tokens, where))
    assert_close(logits[0], logits[1], rtol=0, atol=1e-5)
    assert (logits[0] - logits[2]).abs().max() > 0.1


def test_bias_is_float32_under_autocast():
    pe, query, key = Wavelet(SHAPE), draw(2, 4, 9, 16).bfloat16(), draw(2, 4, 9, 16).bfloat16()
    plain = pe.context(query, key, inputs(9))
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(pe.context(query, key, inputs(9)), plain)
    assert plain.dtype == torch.float32


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scales": 3}, "pe.scales=3: .*the 16"),
        ({"scales": 0}, "pe.scales=0"),
        ({"smallest": 0.0}, "pe.smallest"),
    ],
)
def test_refusals(options, message):
    with pytest.raises(ValueError, match=message):
        Wavelet(SHAPE, **options)
