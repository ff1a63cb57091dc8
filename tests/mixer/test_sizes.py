"""Numbers of parameters and of the state at dim 64 with 4 heads, counted by hand from the formulas and from published code."""

import pytest
from tests.options import made

from lengen.attention.softmax import Softmax
from lengen.block.inputs import Shape
from lengen.mixer import Layer

LAYER = Layer(Shape(64, 4, 3), 1, Softmax)
OUT = 64 * 64


@pytest.mark.parametrize(
    ("name", "options", "parameters", "state"),
    [
        ("mingru", {}, 8_192 + OUT, 64),
        ("minlstm", {}, 12_288 + OUT, 64),
        ("linear_attention", {}, 16_400, 1_024),
        ("linear_attention", {"features": "taylor", "normalise": "sum"}, 16_384, 9_792 + 612),
        ("retnet", {}, 32_800, 2_048),
        ("gla", {}, 17_968, 512),
    ],
)
def test_sizes(name, options, parameters, state):
    mixer = made("mixer", name, layer=LAYER, **options)
    assert sum(weight.numel() for weight in mixer.parameters()) == parameters
    assert mixer.state_size(1) == mixer.state_size(50) == state
