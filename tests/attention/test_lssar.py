"""Re-weighted softplus attention against a loop over its formula."""

import pytest
import torch
from tests.attention.loops import SHAPE, SIZES, draw, slow
from tests.attention.test_lssa import shares
from tests.scenes import inputs
from torch.testing import assert_close

from lengen.attention.lssa import LSSA
from lengen.attention.lssar import LSSAR


@SIZES
@pytest.mark.parametrize(
    ("power", "cut", "uncut"), [(3.0, 1.0, 2), (15.0, 1.0, 0), (1.0, 0.5, 4), (2.5, 0.0, 0)]
)
def test_formula(queries, keys, power, cut, uncut):
    parts = draw(queries, keys)

    def weigh(row, head, i, q, seen, bias):
        off = cut if i + 1 > uncut else 0.0
        raised = [max(a * (i + 1) - off, 0.0) ** power for a in shares(i, q, seen, bias)]
        return [x / (sum(raised) or 1.0) for x in raised]

    ours = LSSAR(SHAPE, power, cut, uncut)(*parts, inputs(queries, keys))
    assert_close(ours, slow(*parts, weigh), rtol=0, atol=1e-10)


def test_no_cut_and_no_power_are_lssa():
    parts = draw(9, 9)
    ours = LSSAR(SHAPE, power=1.0, cut=0.0)(*parts, inputs(9))
    assert_close(ours, LSSA(SHAPE)(*parts, inputs(9)), rtol=0, atol=1e-12)


@pytest.mark.parametrize("power", [1.0, 3.0, 15.0])
def test_rows_sum_to_one(power):
    query, key, value, bias = draw(40, 40)
    sums = LSSAR(SHAPE, power)(query, key, torch.ones_like(value), bias, inputs(40))
    assert_close(sums, torch.ones_like(value), rtol=0, atol=1e-12)


def test_keys_below_the_mean_are_not_seen():
    query, key, _, bias = draw(5, 5)
    seen = [
        rule(query, key, torch.eye(5).double().expand(2, 2, 5, 5), bias, inputs(5))
        for rule in (LSSAR(SHAPE), LSSA(SHAPE))
    ]
    cut, all_of_them = (weights[:, :, 3:] for weights in seen)
    means = 1 / torch.arange(4, 6).view(-1, 1)
    assert torch.equal(cut > 0, all_of_them > means)
    assert (cut == 0).sum() > (all_of_them == 0).sum()


@pytest.mark.parametrize("precision", [torch.float32, torch.float64])
@pytest.mark.parametrize("power", [1.0, 15.0])
def test_a_flat_row_is_nothing_and_has_no_gradient(precision, power):
    """All keys alike: no key stands out, whatever the rounding of the shares; the first rows have no cut."""
    query, key, value, _ = (x.to(precision) for x in draw(30, 30))
    key = key[:, :, :1].expand(-1, -1, 30, -1).clone().requires_grad_()
    ours = LSSAR(SHAPE, power)(query, key, value, None, inputs(30))
    assert not ours[:, :, 3:].any()
    assert_close(ours[:, :, 2], value[:, :, :3].mean(2))
    ours.sum().backward()
    assert key.grad.isfinite().all()
    assert not key.grad[:, :, 3:].any()


def test_thousands_of_keys_to_a_high_power_in_float32():
    query, key, value, _ = draw(1, 4000)
    key[:, :, 7] = 10 * query[:, :, 0]
    exact = LSSAR(SHAPE, 15.0)(query, key, value, None, inputs(1, 4000))
    rough = LSSAR(SHAPE, 15.0)(query.float(), key.float(), value.float(), None, inputs(1, 4000))
    assert_close(rough.double(), exact, rtol=0, atol=1e-3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"power": 0.5}, "attention.power=0.5: must be at least 1"),
        ({"cut": 1.5}, r"attention.cut=1.5: must be in \[0, 1\]"),
        ({"uncut": -1}, "attention.uncut=-1: must be at least 0"),
    ],
)
def test_refusals(options, message):
    with pytest.raises(ValueError, match=message):
        LSSAR(SHAPE, **options)
