"""Sandwich against its published values and the formula."""

import math

import pytest
import torch
from torch.testing import assert_close

from lengen.block.inputs import Shape
from lengen.pe.sandwich import Sandwich


def fall(distance, width, base=10000.0):
    cosines = (math.cos(distance * base ** (-2 * c / width)) for c in range(1, width // 2 + 1))
    return sum(cosines) - width / 2


def test_known_values():
    """8 heads and a width of 128, at distances 1, 16, 128 and 512, as NVIDIA's implementation gives them."""
    bias = Sandwich(Shape(64, 8)).logit_bias(torch.tensor([[512]]), torch.tensor([[511, 496, 384, 0]]))
    assert_close(bias[0, 0, 0], torch.tensor([-1.45, -22.34, -41.01, -47.96]), rtol=0, atol=0.006)
    assert_close(bias[0, 7, 0], torch.tensor([-0.18, -2.79, -5.13, -6.00]), rtol=0, atol=0.006)


@pytest.mark.parametrize(("width", "base"), [(128, 10000.0), (2, 10000.0), (16, 50.0)])
@pytest.mark.parametrize("heads", [1, 3, 8])
@pytest.mark.parametrize("queries", [1, 3, 10])
def test_formula(width, base, heads, queries):
    key = torch.rand((2, 3000), generator=torch.Generator().manual_seed(0)).topk(10).indices.sort(1).values
    query = key[:, 10 - queries :]
    ours = Sandwich(Shape(8 * heads, heads), width, base).logit_bias(query, key)
    expected = [
        [
            [[fall(i - j, width, base) / (8 * h / heads) for j in keys.tolist()] for i in queries_.tolist()]
            for h in range(1, heads + 1)
        ]
        for queries_, keys in zip(query, key, strict=True)
    ]
    assert_close(ours, torch.tensor(expected), rtol=0, atol=2e-3)


def test_the_sum_may_start_at_0():
    """Where it starts is open; it moves a logit by a third at distance 1, by some percent farther away."""
    where = torch.tensor([[0, 1, 16, 500]])
    bias = {
        first: Sandwich(Shape(64, 8), first=first).logit_bias(where, where)[0, 0, :, 0] for first in (0, 1)
    }
    cosines = [sum(math.cos(p * 10000 ** (-2 * c / 128)) for c in range(64)) for p in (0, 1, 16, 500)]
    assert_close(bias[0], torch.tensor(cosines) - 64, rtol=0, atol=1e-3)
    assert torch.equal(bias[1], Sandwich(Shape(64, 8)).logit_bias(where, where)[0, 0, :, 0])
    moved = bias[0] / bias[1] - 1
    assert 0.3 < moved[1] < 0.35
    assert 0.03 < moved[3] < 0.06


def test_real_positions():
    query, key = torch.tensor([[0.5, 7.25]]), torch.tensor([[0.25, 3.0, 7.25]])
    pe = Sandwich(Shape(32, 4))
    expected = [[fall(i - j, 128) / 2 for j in (0.25, 3.0, 7.25)] for i in (0.5, 7.25)]
    assert_close(pe.logit_bias(query, key)[0, 0], torch.tensor(expected), rtol=0, atol=1e-4)
    whole = torch.tensor([[0, 3, 900]])
    assert_close(
        pe.logit_bias(whole.double(), whole.double()), pe.logit_bias(whole, whole), rtol=0, atol=1e-4
    )


def test_falls_from_zero():
    """Before the first ripples."""
    where = torch.arange(13).unsqueeze(0)
    first = Sandwich(Shape(32, 4)).logit_bias(where, where)[0, :, :, 0]
    assert not first[:, 0].any()
    assert (first.diff() < 0).all()
    assert (first[:-1, 1:] < first[1:, 1:]).all()  # the first head is the steepest


@pytest.mark.parametrize(
    ("options", "message"),
    [({"width": 0}, "pe.width=0"), ({"width": 7}, "pe.width=7"), ({"base": 1.0}, "pe.base=1.0")],
)
def test_refusals(options, message):
    with pytest.raises(ValueError, match=message):
        Sandwich(Shape(32, 4), **options)
