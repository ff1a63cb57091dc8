"""Adaptive-scalable entmax against a loop over its formula."""

import math

import pytest
import torch
from tests.attention.loops import SHAPE, SIZES, dot, draw, slow
from tests.attention.test_entmax import entmax
from tests.scenes import inputs
from torch.testing import assert_close

from lengen.attention.asentmax import ASEntmax
from lengen.attention.entmax import Entmax


def trained(**options):
    """A rule whose factors differ between tokens and heads."""
    rule, chance = ASEntmax(SHAPE, **options).double(), torch.Generator().manual_seed(3)
    for weight in rule.parameters():
        weight.data = 0.5 * torch.randn(weight.shape, generator=chance, dtype=torch.float64)
    return rule


@SIZES
@pytest.mark.parametrize("heads", ["all", "second_half"])
@pytest.mark.parametrize(("alpha", "delta", "reach"), [(1.5, 1.0, 2.0), (2.0, 0.3, 1.0)])
def test_formula(queries, keys, heads, alpha, delta, reach):
    parts, view = draw(queries, keys), inputs(queries, keys, dim=10)
    rule = trained(alpha=alpha, delta=delta, reach=reach, heads=heads)
    skipped = 0 if heads == "all" else 1

    def factor(row, head, i):
        if head < skipped:
            return 1.0
        x = view.x[row, i - (keys - queries)].tolist()
        beta = math.log1p(math.exp(dot(rule.beta.weight[head - skipped].tolist(), x)))
        gamma = reach * math.tanh(dot(rule.gamma.weight[head - skipped].tolist(), x))
        return delta + beta * math.log(i + 2) ** gamma

    def weigh(row, head, i, q, seen, bias):
        scale = factor(row, head, i) / math.sqrt(5)
        return entmax([scale * dot(q, k) + b for k, b in zip(seen, bias, strict=True)], alpha)

    assert_close(rule(*parts, view), slow(*parts, weigh), rtol=0, atol=1e-8)


def test_a_factor_of_one_is_entmax():
    parts, rule = draw(9, 9), ASEntmax(SHAPE, delta=0.0, reach=0.0).double()
    rule.beta.weight.data.zero_()
    scaled = ((math.log(2) * parts[0]), *parts[1:])  # softplus(0) is ln 2
    view = inputs(9, dim=10)
    assert_close(rule(*parts, view), Entmax(SHAPE)(*scaled, view), rtol=0, atol=1e-10)


def test_every_head_learns():
    rule = ASEntmax(SHAPE).double()
    rule(*draw(9, 9), inputs(9, dim=10)).square().sum().backward()
    assert rule.beta.weight.grad.any(-1).all()
    assert rule.gamma.weight.grad.any(-1).all()


@pytest.mark.parametrize("option", ["delta", "reach"])
def test_refusals(option):
    with pytest.raises(ValueError, match=f"attention.{option}=-1.0: must be at least 0"):
        ASEntmax(SHAPE, **{option: -1.0})
