"""NAPE against ALiBi, no encoding and the formula."""

import pytest
import torch
from torch.testing import assert_close

from lengen.block.inputs import Shape
from lengen.pe.alibi import ALiBi
from lengen.pe.nape import NAPE


@pytest.mark.parametrize(
    ("slopes", "steep"), [("linear", [1, 1 / 2, 1 / 3, 1 / 4]), ("geometric", [1, 1 / 2, 1 / 4, 1 / 8])]
)
@pytest.mark.parametrize(("heads", "biased"), [(2, 1), (3, 1), (4, 2), (7, 3), (8, 4)])
@pytest.mark.parametrize("queries", [1, 4, 12])
def test_formula(slopes, steep, heads, biased, queries):
    key = torch.arange(12).unsqueeze(0) * 3
    bias = NAPE(Shape(8 * heads, heads), slopes).logit_bias(key[:, 12 - queries :], key)[0]
    for head in range(heads):
        for i in range(queries):
            for j in range(12):
                distance = abs(3 * (12 - queries + i) - 3 * j)
                expected = -steep[head] * distance if head < biased else 0
                assert bias[head, i, j].item() == pytest.approx(expected, rel=1e-6)


def test_first_half_is_alibi_and_the_rest_knows_no_positions():
    where = torch.randint(500, (3, 9), generator=torch.Generator().manual_seed(0))
    first, rest = NAPE(Shape(64, 8)).logit_bias(where, where).chunk(2, 1)
    assert_close(first, ALiBi(Shape(32, 4), "harmonic").logit_bias(where, where), rtol=0, atol=0)
    assert not rest.any()


def test_one_head_has_no_halves():
    with pytest.raises(ValueError, match=r"decoder.heads=1: .*must be at least 2"):
        NAPE(Shape(8, 1))
