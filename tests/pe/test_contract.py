"""Every encoding in configs/pe keeps the contract of `lengen.pe`, under every choice that its options name."""

from functools import partial
from inspect import signature

import pytest
import torch
from tests.options import files, read, variations
from tests.scenes import inputs, several

from lengen.block.inputs import Shape
from lengen.block.shared import DecoderCache
from lengen.config.option_page import described
from lengen.pe.alibi import ALiBi
from lengen.pe.sinusoidal import Sinusoidal
from lengen.testing.encoding import CHECKS
from lengen.testing.made_up import TRAINED, decoder, draw

EVERY_YAML = pytest.mark.parametrize("path", files("pe"), ids=lambda path: path.stem)
ENCODINGS = pytest.mark.parametrize("encoding", list(variations("pe")))
SEEN = [check for name, check in CHECKS.items() if name.startswith("causality")]
"""Checks that ask of lengen's own encodings that earlier tokens are seen at any distance."""
CASES = [
    pytest.param(*case.values, check, id=f"{case.id}-{name}")
    for case in variations("pe")
    for name, check in CHECKS.items()
    if "looped" not in name
    or "=" not in case.id  # loops and variations of an option know nothing of each other
]


@pytest.mark.parametrize(("encoding", "check"), CASES)
@pytest.mark.sampled(4, alike="=")
def test_contract(encoding, check):
    check(encoding, far=True) if check in SEEN else check(encoding)


@EVERY_YAML
def test_options_are_the_constructors(path):
    cls, options = read(path)
    assert set(options) == set(signature(cls).parameters) - {"shape"}
    assert cls(Shape(32, 4)).shape == Shape(32, 4)  # every option has a default


@EVERY_YAML
def test_what_list_says_is_true(path):
    """What it learns, whether a block keeps more than keys and values, whether it adds a bias, where it ends."""
    cls, options = read(path)
    (_, facts), made, cache = described(path), decoder(partial(cls, **options)), DecoderCache()
    positions = several(made.pe, torch.arange(5).unsqueeze(0))
    with torch.no_grad():
        made(draw(2, 5), positions, cache)
    names = {
        name for memory in cache.blocks.values() for held in (memory.last, memory.lines) for name in held
    }
    assert (facts["learned"] == "none") == (not list(made.pe.parameters()))
    assert facts["cache"].endswith("and state") == bool(names - {"key", "value"})
    assert ("refused" in facts["beyond"]) == (made.pe.budget is not None)
    heads = torch.randn(2, 4, 5, 8, dtype=torch.float64).requires_grad_()
    added = made.pe.logit_bias(positions, positions), made.pe.context(heads, heads, inputs(5))
    assert (facts["cost"].partition(",")[0] == "fused") == (added == (None, None))
    assert ("learned" in facts["cost"]) == any(bias is not None and bias.requires_grad for bias in added)
    key = made.pe.transform(heads, heads, heads, made.pe.make_table(positions + 1), inputs(5))[1]
    assert facts["cache"].startswith("raw") == torch.equal(key, heads)


@ENCODINGS
def test_initial_parameters_tell_positions(encoding):
    """What an encoding says of itself is true from the first step on, not of other parameters alone."""
    made, tokens = decoder(encoding), draw(2, 2 * TRAINED)
    positions = several(made.pe, torch.arange(2 * TRAINED).unsqueeze(0))
    with torch.no_grad():
        logits = made(tokens, positions)
        change = logits[:, :TRAINED] - made(tokens[:, :TRAINED], positions[:, :TRAINED] ** 2)
        assert (change.abs().max() > 1e-6) == made.pe.reads
        for shift in (1, 500):
            change = (made(tokens, positions + shift) - logits).abs().max()
            assert (change < 1e-3) == made.pe.relative


@pytest.mark.parametrize(("time", "distinct"), [(256, 64), (512, 33), (1024, 17), (2048, 9), (8192, 3)])
def test_no_two_positions_fall_together(time, distinct):
    """Of the last 64 positions bfloat16 tells few apart; what is made of them stays apart under autocast."""
    last = torch.arange(time - 64, time).unsqueeze(0)
    assert len(last.bfloat16().unique()) == distinct
    with torch.autocast("cpu", torch.bfloat16):
        biases = ALiBi(Shape(64, 4)).logit_bias(last[:, -1:], last)[0, 0].T
        vectors = Sinusoidal(Shape(64, 4)).embed(torch.zeros(1, 64, 64), last)[0]
    assert len(biases.unique(dim=0)) == len(vectors.unique(dim=0)) == 64
