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
        ("hgrn2", {}, 16_448 + 64, 1_024),
        ("hgrn2", {"bound": False}, 16_448, 1_024),
        ("mamba", {}, 32_640, 2_048 + 3 * 128),
        ("lru", {}, 24_960, 128),
        ("s4d", {}, 16_640, 4_096),
        ("mlstm", {}, 30_088, 4_228 + 3 * 128),
        ("slstm", {}, 8_832 + OUT, 256 + 3 * 64),
        ("convolution", {}, 5 * 64 + 2 * OUT, 3 * 64),
        ("hyena", {"bands": 1}, 30_208 - 4 * 64, None),
        ("sha", {}, OUT + 64 + 2 * 64 + 3 * 64 + 2 * OUT + 128, None),
        ("masked_mixer", {}, 2 * OUT + 4 * 32 + 4, 32 * 64 + 64),
        ("masked_mixer", {"beyond": "zero"}, 2 * OUT + 4 * 32, 31 * 64),
        ("stack_rnn", {}, 2 * OUT + (64 + 8) * 64 + 64 + 64 * 8 + 8 + 64 * 3 + 3, None),
        ("stack_rnn", {"depth": 30, "stacks": 2}, 2 * OUT + 80 * 64 + 64 + 65 * 16 + 65 * 6, 64 + 30 * 16),
        ("tape_rnn", {}, 2 * OUT + 72 * 64 + 64 + 2 * 65 * 64 + 65 * 8 + 65 * 5, None),
        ("rg_lru", {}, 2_240 + 5 * 64 + 3 * OUT, 64 + 3 * 64),
        ("rwkv7", {}, 29_504, 1_088),
        ("mamba2", {}, 27_820, 2_048 + 3 * 160),
        ("mamba2", {"conv": 0}, 27_820 - 5 * 160, 2_048),
        ("mamba3", {}, 27_816, 2_048 + 64 + 128),
        ("sd_ssm", {}, 37_512 + OUT, 64),
        ("lightnet", {}, 18_496, 1_024 + 64),
        ("lightnet", {"rotation": "full"}, 18_496, 1_024 + 64 + 1),
        ("lavo", {}, 4 * OUT + 2 * 16 * 64 + 4 * 16, 16 + 1 + 2 * 15 * 64),
        ("deltanet", {}, 17_424, 1_024 + 3 * 192),
        ("gated_deltanet", {}, 21_784, 1_024 + 3 * 192),
        ("deltaproduct", {}, 30_744, 1_024 + 3 * 320),
        ("deltaproduct", {"decay": False, "gate": "none"}, 26_384, 1_024 + 3 * 320),
    ],
)
def test_sizes(name, options, parameters, state):
    mixer = made("mixer", name, layer=LAYER, **options)
    assert sum(weight.numel() for weight in mixer.parameters()) == parameters
    assert (mixer.growth == "constant") == (state is not None)
    assert state is None or mixer.state_size(1) == mixer.state_size(50) == state


@pytest.mark.parametrize(
    ("name", "state"),
    [
        ("attention", 50 * 2 * 64),
        ("ldru", 3 * 65),  # 32 + 16 + 2 tokens
        ("sha", 50 * 64),
        ("hyena", 50 * 64 + 2 * 192),
        ("stack_rnn", 64 + 50 * 8),
        ("tape_rnn", 64 + 101 * 8),
    ],
)
def test_states_that_grow_after_50_tokens(name, state):
    assert made("mixer", name, layer=LAYER).state_size(50) == state
