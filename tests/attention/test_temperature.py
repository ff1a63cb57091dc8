"""Temperatures against a loop over the formula."""

import math

import pytest
import torch
from tests.attention.loops import SHAPE, SIZES, dot, draw, slow, softmax
from tests.scenes import inputs
from torch.testing import assert_close

from lengen.attention.softmax import Softmax
from lengen.attention.temperature import Temperature


@SIZES
@pytest.mark.parametrize("lowest", [0.0, 1.0])
def test_formula(queries, keys, lowest):
    parts, rule = draw(queries, keys), Temperature(SHAPE, lowest=lowest).double()
    rule.factors.data = torch.tensor([0.5, 2.0]).double()

    def weigh(row, head, i, q, seen, bias):
        factor = max(lowest, (0.5, 2.0)[head]) / math.sqrt(5)
        return softmax([factor * dot(q, k) + b for k, b in zip(seen, bias, strict=True)])

    assert_close(rule(*parts, inputs(queries, keys)), slow(*parts, weigh), rtol=0, atol=1e-10)


def test_starts_as_softmax():
    parts = draw(9, 9)
    ours, plain = (rule(SHAPE).double()(*parts, inputs(9)) for rule in (Temperature, Softmax))
    assert torch.equal(ours, plain)


def test_a_factor_below_the_bound_still_learns():
    rule = Temperature(SHAPE, initial=1.0, lowest=1.0)
    rule.factors.data = torch.tensor([0.4, 1.6])
    rule(*(x.float() for x in draw(9, 9)), inputs(9)).square().sum().backward()
    assert rule.factors.grad.all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lowest": -0.5}, "attention.lowest=-0.5: must be at least 0"),
        ({"initial": 0.0}, "attention.initial=0.0"),
        ({"initial": 0.5, "lowest": 1.0}, "at least attention.lowest=1.0"),
    ],
)
def test_refusals(options, message):
    with pytest.raises(ValueError, match=message):
        Temperature(SHAPE, **options)
