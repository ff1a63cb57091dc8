"""Entmax against bisection over its formula."""

import math

import pytest
import torch
from tests.attention.loops import SHAPE, SIZES, dot, draw, slow
from tests.scenes import inputs
from torch.testing import assert_close

from lengen.attention.entmax import Entmax
from lengen.attention.softmax import Softmax

ALPHAS = pytest.mark.parametrize("alpha", [1.2, 1.5, 1.75, 2.0])


def entmax(logits, alpha):
    """relu((alpha - 1) z - tau)^(1 / (alpha - 1)): tau lies where they sum to 1."""

    def powers(tau):
        return [max((alpha - 1) * z - tau, 0.0) ** (1 / (alpha - 1)) for z in logits]

    low, high = (alpha - 1) * max(logits) - 1, (alpha - 1) * max(logits)
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if sum(powers(middle)) >= 1 else (low, middle)
    return powers(low)


@SIZES
@ALPHAS
def test_formula(queries, keys, alpha):
    parts = draw(queries, keys, size=1.5)

    def weigh(row, head, i, q, seen, bias):
        return entmax([dot(q, k) / math.sqrt(5) + b for k, b in zip(seen, bias, strict=True)], alpha)

    ours = Entmax(SHAPE, alpha=alpha)(*parts, inputs(queries, keys))
    assert_close(ours, slow(*parts, weigh), rtol=0, atol=1e-8)


@ALPHAS
@pytest.mark.parametrize("precision", [torch.float32, torch.float64])
def test_rows_sum_to_one_and_later_keys_have_nothing(alpha, precision):
    logits = 3 * torch.randn(2, 2, 50, 50, generator=torch.Generator().manual_seed(0), dtype=precision)
    later = torch.ones(50, 50, dtype=torch.bool).triu(1)
    weights = Entmax(SHAPE, alpha=alpha).normalise(logits.masked_fill(later, -torch.inf), inputs(50))
    assert_close(weights.sum(-1), torch.ones(2, 2, 50, dtype=precision))
    assert not weights[..., later].any()
    assert (weights[..., 40:, :] == 0).float().mean() > 0.3
    assert (weights >= 0).all()


@ALPHAS
@pytest.mark.parametrize("precision", [torch.float32, torch.float64])
def test_one_key_far_above_all_has_all(alpha, precision):
    logits = torch.zeros(1, 1, 1, 3000, dtype=precision)
    logits[..., 17] = 1e4
    weights = Entmax(SHAPE, alpha=alpha).normalise(logits, inputs(1, 3000))
    assert weights[..., 17].item() == 1
    assert weights.count_nonzero() == 1


def test_towards_softmax():
    parts = draw(9, 9)
    ours, plain = (rule(*parts, inputs(9)) for rule in (Entmax(SHAPE, alpha=1.0001), Softmax(SHAPE)))
    assert_close(ours, plain, rtol=0, atol=1e-3)


@ALPHAS
def test_gradient(alpha):
    logits = torch.randn(1, 2, 3, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    rule = Entmax(SHAPE, alpha=alpha)
    assert torch.autograd.gradcheck(lambda x: rule.normalise(x, inputs(3, 7)), logits.requires_grad_())


@pytest.mark.parametrize("alpha", [1.0, 2.5])
def test_refusal(alpha):
    with pytest.raises(ValueError, match=rf"attention.alpha={alpha}: must be in \(1, 2\]"):
        Entmax(SHAPE, alpha=alpha)
