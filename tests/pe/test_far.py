"""Relative encodings stay relative at far positions, and what is learned there; rotations keep float32 tables in bf16."""

import pytest
import torch
from tests.options import named
from tests.scenes import inputs

from lengen.block.inputs import Shape
from lengen.pe.rope import RoPE
from lengen.testing.made_up import TRAINED, counted, decoder, draw

RELATIVE = [
    pytest.param(case.values[0], id=case.id)
    for case in named("pe")
    if case.values[0](Shape(32, 4, 2)).relative and case.values[0](Shape(32, 4, 2)).budget is None
]


@pytest.mark.parametrize("make", RELATIVE)
@pytest.mark.parametrize("shift", [10**6, 10**7])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_a_far_shift_changes_nothing(make, shift, dtype):
    made, tokens = decoder(make).to(dtype), draw(2, 2 * TRAINED)
    with torch.no_grad():
        for weight in made.pe.parameters():  # such as frequencies that have been learned
            weight.add_(torch.randn(weight.shape, generator=torch.Generator().manual_seed(0)), alpha=0.1)
        near, far = (made(tokens, counted(made.pe, 2 * TRAINED, start)) for start in (0, shift))
    torch.testing.assert_close(near, far, rtol=0, atol=1e-4)


def test_the_cases_include_every_rotation():
    assert {"rope", "rope_alibi", "comrope", "alibi", "t5", "sandwich"} <= {case.id for case in RELATIVE}


def test_a_rotation_in_bf16_uses_float32_angles():
    """Rotated in bf16, a vector is the nearest to what it is rotated in float64: cosines are not rounded before."""
    pe, positions = RoPE(Shape(64, 2)), torch.tensor([[0, 3, 1000, 4321]])
    x = torch.randn(1, 2, 4, 32, generator=torch.Generator().manual_seed(0)).bfloat16()
    got = pe.transform(x, x, x, pe.make_table(positions), inputs(4))[0]
    exact = pe.transform(*[x.double()] * 3, pe.make_table(positions).double(), inputs(4))[0]
    assert got.dtype == torch.bfloat16
    error = (got.double() - exact).abs()
    assert (error <= 2**-8 * exact.abs() + 1e-5).all()
