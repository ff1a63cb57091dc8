"""Mamba-3 against the loop of its paper, the worked example, and parity and counting modulo three in one layer."""

import math

import pytest
import torch
from tests.mixer.test_formulas import heads_of, made, normed
from tests.mixer.vectors import draw, rows
from torch import nn
from torch.testing import assert_close

from lengen.mixer.mamba3 import turns


def loop(mixer, x, pairs):
    """One token after the other, with angles from the first token on, and the state never turned."""
    inner, state, heads = mixer.out.in_features, mixer.key_bias.shape[1], mixer.heads
    parts = mixer.project(x).split([inner, inner, state, state, heads, heads, heads, pairs], -1)
    z, v, b, c, dt, rate, share, turn = parts
    v = heads_of(v, heads)
    b, c = (
        normed(part, norm.weight)[:, :, None] + bias
        for part, norm, bias in (
            (b, mixer.key_norm, mixer.key_bias),
            (c, mixer.query_norm, mixer.query_bias),
        )
    )
    dt = nn.functional.softplus(dt + mixer.step_bias)[..., None]
    a = (-nn.functional.softplus(rate)[..., None] * dt).exp()
    share = share.sigmoid()[..., None]
    s = torch.zeros(x.shape[0], heads, state, inner // heads).double()
    angle, before, found = torch.zeros(x.shape[0], heads, pairs).double(), torch.zeros_like(s), []
    for t in range(x.shape[1]):
        angle = (angle + torch.pi * turn[:, t, None].tanh() * dt[:, t]) % (2 * torch.pi)
        whole = nn.functional.pad(angle, (0, state // 2 - pairs))
        phase = torch.polar(torch.ones_like(whole), whole)
        k, q = (
            torch.view_as_real(torch.view_as_complex(part[:, t].unflatten(-1, (-1, 2)).contiguous()) * phase)
            for part in (b, c)
        )
        written = k.flatten(-2)[..., :, None] * v[:, t][..., None, :]
        a_t, dt_t, part_t = (part[:, t][..., None] for part in (a, dt, share))
        s = a_t * s + (1 - part_t) * dt_t * a_t * before + part_t * dt_t * written
        before = written
        found.append((q.flatten(-2)[..., None, :] @ s)[..., 0, :] + mixer.skip[:, None] * v[:, t])
    return mixer.out(torch.stack(found, 1).flatten(2) * nn.functional.silu(z))


@pytest.mark.parametrize(("rotated", "pairs"), [(0.5, 2), (1.0, 4), (0.0, 0)])
@pytest.mark.parametrize("time", [9, 150])
def test_loop(rotated, pairs, time):
    mixer = made("mamba3", state=8, rotated=rotated)
    with torch.no_grad():
        mixer.step_bias.normal_()  # decays and turns of a tenth of a token to several
        for bias in (mixer.key_bias, mixer.query_bias):
            bias.normal_()
    x = draw(2, time, 16).requires_grad_()
    leaves = [x, *mixer.parameters()]
    got, expected = mixer.mix(x, None)[0], loop(mixer, x, pairs)
    assert_close(got, expected)
    weight = draw(*got.shape, seed=3)
    for one, other in zip(
        torch.autograd.grad((got * weight).sum(), leaves),
        torch.autograd.grad((expected * weight).sum(), leaves),
        strict=True,
    ):
        assert_close(one, other, rtol=1e-7, atol=1e-9)


def by_hand(dim, *, state, kind=torch.float64):
    """A mixer of one head whose maps are all 0, decays and shares 1/2, steps 1, B and C 1, and gates known; and its maps by name."""
    mixer = made("mamba3", dim=dim, heads=1, state=state, expand=1, rotated=1.0).to(kind)
    with torch.no_grad():
        mixer.project.weight.zero_()
        mixer.skip.zero_()
        mixer.step_bias.fill_(math.log(math.e - 1))
        mixer.key_norm.weight.zero_()
        mixer.query_norm.weight.zero_()
        mixer.out.weight.copy_(torch.eye(dim) / nn.functional.silu(torch.tensor(1.0)))
    names = ("gate", "value", "key", "query", "step", "rate", "share", "angle")
    return mixer, dict(zip(names, mixer.project.weight.detach().split(mixer.widths), strict=True))


def test_worked_example():
    """a = 1/2, dt = 1, l = 1/2, B = C = 1; the second channel of the input is 1, for the gate."""
    mixer, maps = by_hand(2, state=1)
    maps["gate"][0, 1] = 1
    maps["value"][0, 0] = 1
    x = torch.tensor([[1.0, 1], [0, 1], [2, 1], [-1, 1]]).double()[None]
    assert_close(mixer.mix(x, None)[0][0, :, 0], rows(".5 .5 1.25 .625")[0], rtol=0, atol=1e-6)


@pytest.mark.parametrize("modulus", [2, 3])
@pytest.mark.parametrize("parts", [[3000], [1] * 3000, [1000, 7, 1993]])
def test_counting_in_one_layer(modulus, parts):
    """A turn by 2 pi / modulus at every one: what the first token wrote is turned by their number, and decays at the least rate."""
    mixer, maps = by_hand(4, state=2, kind=torch.float32)  # channels of the input: bit, first token, 1, none
    maps["gate"][0, 2] = 1
    maps["value"][0, 1] = 1
    maps["rate"][0, 2] = -100
    maps["share"][0, 2] = 100
    maps["angle"][0, 0] = 100 if modulus == 2 else math.atanh(2 / 3)
    with torch.no_grad():
        mixer.key_bias.copy_(torch.tensor([[1.0, 0]]))
        mixer.query_bias.copy_(torch.tensor([[1.0, 0]]))
    bits = (draw(3000) > 0).float()
    bits[0] = 0
    x = torch.stack([bits, torch.eye(3000)[0], torch.ones(3000), torch.zeros(3000)], -1)[None]
    state, found = None, []
    with torch.no_grad():
        for part in x.split(parts, 1):
            mixed, state = mixer.mix(part, state)
            found.append(mixed)
    turned = torch.cat(found, 1)[0, :, 0].double() * (1e-4 * torch.arange(3000).double()).exp()
    expected = (2 * torch.pi / modulus * bits.double().cumsum(0)).cos()
    assert_close(turned, expected, rtol=0, atol=0.02)


def test_angles_keep_their_digits():
    """Sums in float32 do not."""
    angle = torch.full((1, 20_000, 1), 3.1)
    expected = angle.double().cumsum(1).cos()
    assert_close(turns(angle).double().cos(), expected, rtol=0, atol=1e-6)
    assert (angle.cumsum(1).double().cos() - expected).abs().max() > 1e-3
