"""Convolutions with all tokens so far against sums over lags, and a network of the lag in plain numbers."""

import math

import pytest
import torch
from tests.mixer.test_cores import leaves_of, same
from tests.mixer.test_formulas import made
from tests.mixer.vectors import draw
from torch import nn
from torch.testing import assert_close

from lengen.mixer.filters import by_lag, long_convolution


def slow(x, kernel):
    """Sums over lags, token by token."""
    return torch.stack(
        [sum(kernel[lag] * x[:, time - lag] for lag in range(time + 1)) for time in range(x.shape[1])], 1
    )


@pytest.mark.parametrize("time", [1, 2, 13, 16, 17, 33, 70])
@pytest.mark.parametrize("direct", [1, 4, 16, 64])
def test_long_convolution(time, direct):
    x, kernel = leaves_of(draw(2, time, 3), draw(time + 4, 3, seed=1))
    same([long_convolution(x, kernel, direct)], [slow(x, kernel)], [x, kernel])


def test_nothing_passes_to_earlier_tokens():
    """To the last bit, also in float32 and with inputs of very different size, where one transform of all would fail."""
    x, kernel = draw(1, 300, 2).float().requires_grad_(), draw(300, 2, seed=1).float()
    mixed = long_convolution(x, kernel)
    with torch.no_grad():
        later = torch.cat([x[:, :101], 1e20 * x[:, 101:]], 1)
        assert torch.equal(long_convolution(later, kernel)[:, :101], mixed[:, :101])
    (gradient,) = torch.autograd.grad(mixed[:, 100].sum(), x)
    assert not gradient[:, 101:].any()
    assert gradient[:, :101].all()


def test_by_lag():
    kernel = torch.tensor([[1.0], [2], [3], [4]])
    assert by_lag(kernel, 2, 4)[..., 0].tolist() == [[3, 2, 1, 0], [4, 3, 2, 1]]


@pytest.mark.parametrize("bands", [0, 2])
@pytest.mark.parametrize("time", [9, 70])
def test_hyena(bands, time):
    mixer, x = made("hyena", bands=bands, reach=20.0, hidden=8), draw(2, time, 16)
    with torch.no_grad():
        mixer.frequency.normal_()
    kernel = []
    for lag in range(time):
        waves = [
            part(2 * math.pi * band * lag / 20)
            for part in (math.cos, math.sin)
            for band in range(1, bands + 1)
        ]
        found = torch.tensor([lag / 20, *waves], dtype=torch.float64)
        for layer in mixer.filter:
            found = (mixer.frequency * (layer.weight @ found + layer.bias)).sin()
        slowest, fastest = math.log(100) / 1.5 / 20, math.log(100) / 0.3 / 20
        rates = torch.linspace(slowest, fastest, 16, dtype=torch.float64)
        kernel.append(mixer.last.weight @ found * (-rates * lag).exp())
    padded = nn.functional.pad(mixer.project(x).mT, (2, 0))
    inputs = nn.functional.conv1d(padded, mixer.conv.weight[:, None], mixer.conv.bias, groups=48).mT
    left, right, value = inputs.chunk(3, -1)
    mixed = left * (slow(right * value, kernel) + mixer.skip * right * value)
    assert_close(mixer.mix(x, None)[0], mixer.out(mixed))


def test_a_lag_has_one_factor_at_every_length():
    mixer = made("hyena")
    lags = torch.arange(500).double()
    assert_close(mixer.kernel(lags)[:40], mixer.kernel(lags[:40]), rtol=0, atol=1e-15)
    assert mixer.kernel(lags).abs()[400:].max() < 1e-6 * mixer.kernel(lags).abs().max()


@pytest.mark.parametrize("beyond", ["zero", "decay"])
@pytest.mark.parametrize("time", [3, 5, 6, 23])
def test_masked_mixer(beyond, time):
    mixer, x = made("masked_mixer", span=5, beyond=beyond), draw(2, time, 16)
    values, weights = mixer.value(x).unflatten(-1, (2, 8)), torch.zeros(2, time, time).double()
    for head in range(2):
        for row in range(time):
            for column in range(row + 1):
                lag = row - column
                if lag < 5:
                    weights[head, row, column] = mixer.weight[head, lag]
                elif beyond == "decay":
                    factor = mixer.decay[head].sigmoid() ** (lag - 4)
                    weights[head, row, column] = mixer.weight[head, 4] * factor
    mixed = torch.einsum("hlm,bmhc->blhc", weights, values).flatten(2)
    assert_close(mixer.mix(x, None)[0], mixer.out(mixed))


def test_decay_at_the_start():
    assert_close(made("masked_mixer").decay.sigmoid(), torch.full((2,), 0.9).double(), rtol=0, atol=1e-6)
