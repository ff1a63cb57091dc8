"""Options that no mixer can have are refused on one line that names them."""

import pytest
from tests.options import made

from lengen.attention.softmax import Softmax
from lengen.block.inputs import Shape
from lengen.config.errors import UsageError
from lengen.mixer import Layer

LAYER = Layer(Shape(32, 4), 0, Softmax)


@pytest.mark.parametrize(
    ("name", "option", "value", "allowed"),
    [
        ("mingru", "size", 0, "at least 1"),
        ("minlstm", "size", -1, "at least 1"),
        ("linear_attention", "heads", 5, "a divisor of decoder.dim=32"),
        ("linear_attention", "heads", 0, "a divisor of decoder.dim=32"),
        ("linear_attention", "state", 0, "at least 1"),
        ("retnet", "state", 3, "even with mixer.rotate=true"),
        ("retnet", "base", 1.0, "above 1"),
        ("retnet", "expand", 0, "at least 1"),
        ("gla", "rank", 0, "at least 1"),
        ("gla", "sharpness", 0.0, "above 0"),
        ("hgrn2", "heads", 64, "a divisor of decoder.dim=32"),
        ("mamba", "state", 0, "at least 1"),
        ("mamba", "rank", 0, "at least 1"),
        ("mamba2", "state", 0, "at least 1"),
        ("mamba2", "expand", -1, "at least 1"),
        ("mamba3", "state", 0, "at least 1"),
        ("mamba3", "expand", 0, "at least 1"),
        ("mamba3", "rotated", 1.5, "in [0, 1]"),
        ("sd_ssm", "matrices", 0, "at least 1"),
        ("sd_ssm", "norm", 0.5, "at least 1"),
        ("sd_ssm", "size", 0, "at least 1"),
        ("lightnet", "state", 0, "at least 1"),
        ("lightnet", "rank", 0, "at least 1"),
        ("lightnet", "base", 1.0, "above 1"),
        ("lavo", "rows", 33, "in 1 to decoder.dim=32"),
        ("lavo", "window", 1, "at least 2"),
        ("deltanet", "state", 0, "at least 1"),
        ("gated_deltanet", "heads", 3, "a divisor of decoder.dim=32"),
        ("deltaproduct", "steps", 0, "at least 1"),
        ("lru", "size", 0, "at least 1"),
        ("lru", "least", 1.0, "in [0, 1)"),
        ("lru", "most", 0.0, "above mixer.least=0.0, and at most 1"),
        ("lru", "phase", 0.0, "above 0"),
        ("s4d", "state", 3, "even, and at least 2"),
        ("s4d", "state", 0, "even, and at least 2"),
        ("mlstm", "block", 3, "must divide mixer.expand * decoder.dim=64"),
        ("slstm", "heads", 3, "a divisor of decoder.dim=32"),
        ("convolution", "kernel", 1, "at least 2"),
        ("rg_lru", "heads", 3, "a divisor of decoder.dim=32"),
        ("rwkv7", "rank", 0, "at least 1"),
        ("ldru", "size", 0, "null, or at least 1"),
        ("ldru", "hidden", 0, "at least 1"),
        ("hyena", "reach", 0.0, "above 0"),
        ("hyena", "bands", -1, "at least 0"),
        ("hyena", "hidden", 0, "at least 1"),
        ("hyena", "depth", 0, "at least 1"),
        ("hyena", "conv", 1, "at least 2"),
        ("masked_mixer", "span", 1, "at least 2"),
        ("masked_mixer", "heads", 3, "a divisor of decoder.dim=32"),
        ("stack_rnn", "size", 0, "at least 1"),
        ("stack_rnn", "cell", 0, "at least 1"),
        ("stack_rnn", "stacks", 0, "at least 1"),
        ("stack_rnn", "depth", 0, "null, or at least 1"),
        ("tape_rnn", "tapes", 0, "at least 1"),
        ("tape_rnn", "hidden", 0, "at least 1"),
        ("tape_rnn", "jump", 0, "null, or at least 1"),
        ("tape_rnn", "length", 0, "null, or at least 1"),
    ],
)
def test_refused(name, option, value, allowed):
    with pytest.raises(UsageError) as refused:
        made("mixer", name, layer=LAYER, **{option: value})
    message = str(refused.value)
    assert message.startswith(f"mixer.{option}={value}: must ")
    assert allowed in message
    assert "\n" not in message
