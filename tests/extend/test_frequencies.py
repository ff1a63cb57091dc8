"""Changed rotary frequencies are those of Hugging Face's library, or of the formula."""

import math
from functools import partial

import pytest
import torch
from torch.testing import assert_close
from transformers import LlamaConfig
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

from lengen.block.inputs import BlockCache, BlockInputs, Shape
from lengen.config.errors import UsageError
from lengen.extend import Parts, Sizes
from lengen.extend.abf import ABF
from lengen.extend.dynamic_ntk import DynamicNTK
from lengen.extend.giraffe_power import GiraffePower
from lengen.extend.giraffe_truncated import GiraffeTruncated
from lengen.extend.interpolate import Interpolate
from lengen.extend.longrope import LongRoPE
from lengen.extend.ntk import NTK
from lengen.extend.p_rope import PRoPE
from lengen.extend.resonance import Resonance
from lengen.extend.yarn import YaRN
from lengen.pe.carope import CARoPE
from lengen.pe.comrope import ComRoPE
from lengen.pe.nope import NoPE
from lengen.pe.rope import RoPE
from lengen.pe.xpos import XPos
from lengen.positions.contiguous import Contiguous

CPU = torch.device("cpu")
SHAPE = Shape(16, 2)


def extended(extension, channels=32, trained=64, tokens=64, base=10000.0):
    rope = RoPE(Shape(channels, 1), base)
    parts = extension.changed(Parts(rope, (), Contiguous()), Sizes(trained, trained, tokens))
    return parts.pe.frequencies(CPU), parts.pe.factor


def theirs(kind, channels=32, trained=64, tokens=None, **options):
    config = LlamaConfig(
        hidden_size=channels, num_attention_heads=1, max_position_embeddings=trained,
        rope_parameters={"rope_type": kind, "rope_theta": 10000.0, **options},
    )  # fmt: skip
    frequencies, factor = ROPE_INIT_FUNCTIONS[kind](config, CPU, tokens)
    return frequencies, factor


@pytest.mark.parametrize("channels", [16, 32, 64])
@pytest.mark.parametrize("trained", [43, 64, 512])
@pytest.mark.parametrize("factor", [1.0, 1.5, 4.0])
def test_those_of_hugging_face(channels, trained, factor):
    def same(ours, others):
        assert_close(ours[0], others[0], rtol=1e-5, atol=1e-9)
        assert ours[1] == pytest.approx(others[1])

    same(extended(Interpolate(factor), channels, trained), theirs("linear", channels, trained, factor=factor))
    same(
        extended(YaRN(factor), channels, trained),
        theirs("yarn", channels, trained, factor=factor, original_max_position_embeddings=trained),
    )
    tokens = round(factor * trained)
    same(
        extended(DynamicNTK(2.0), channels, trained, tokens),
        theirs("dynamic", channels, trained, tokens, factor=2.0),
    )
    factors = [1 + 0.1 * each for each in range(channels // 2)]
    ours = extended(LongRoPE(max(factor, 1.5), factors), channels, trained)
    other = theirs(
        "longrope", channels, trained, trained + 1, factor=max(factor, 1.5), long_factor=factors, short_factor=factors,
        original_max_position_embeddings=trained,
    )  # fmt: skip
    same(ours, other)


@pytest.mark.parametrize("share", [0.25, 0.5, 0.75, 1.0])
def test_cut_frequencies_are_those_of_hugging_face(share):
    assert_close(extended(PRoPE(share))[0], theirs("proportional", partial_rotary_factor=share)[0])


def test_formulas():
    trained = RoPE(Shape(32, 1)).frequencies(CPU)
    longer = extended(NTK(4.0))[0]
    assert longer[0] == trained[0] == 1
    assert_close(longer[-1] * 4, trained[-1])
    assert_close(extended(NTK(), tokens=256)[0], longer)  # the factor is that of the evaluated length
    assert_close(extended(ABF(500000.0))[0], RoPE(Shape(32, 1), 500000.0).frequencies(CPU))
    for pair, frequency in enumerate(extended(GiraffePower(0.5))[0].tolist()):
        assert frequency == pytest.approx(10000 ** (-pair / 16) * (1 - pair / 16) ** 0.5, rel=1e-5)
    cut = 2 * math.pi / 64
    for ours, frequency in zip(extended(GiraffeTruncated())[0].tolist(), trained.tolist(), strict=True):
        expected = frequency if frequency >= cut else cut / 16 if frequency >= cut / 8 else 0
        assert ours == pytest.approx(expected, rel=1e-5)
    waves = 2 * math.pi / extended(Resonance())[0]
    assert_close(waves, (2 * math.pi / trained).round())


def test_longrope_divides_from_the_critical_pair_on_and_less_before_it():
    trained = RoPE(Shape(32, 1)).frequencies(CPU)
    factors = trained / extended(LongRoPE(4.0))[0]
    critical = math.ceil(16 * math.log(64 / (2 * math.pi)) / math.log(10000))
    assert critical == 5
    assert_close(factors[critical:], torch.full((16 - critical,), 4.0))
    assert factors[0] == 1
    assert (factors.diff() >= -1e-5).all()
    assert extended(LongRoPE(4.0))[1] == pytest.approx(math.sqrt(1 + math.log(4) / math.log(64)))


FORMS = pytest.mark.parametrize(
    "extension", [Interpolate(1.7), NTK(1.7), ABF(900.0)], ids=lambda each: type(each).__name__
)


def logits(pe, extension, time=20):
    """Products of rotated queries and keys, before and after, in one layer of two heads."""
    pe = pe.double()
    query, key, value = torch.randn(3, 1, 2, time, 8, generator=torch.Generator().manual_seed(0)).double()
    positions = torch.arange(time)[None]
    inputs = BlockInputs(torch.zeros(1, time, 16).double(), 0, positions, positions, BlockCache())
    parts = extension.changed(Parts(pe, (), Contiguous()), Sizes(12, 12, time))
    found = []
    for each in (pe, parts.pe):
        turned, keys, _ = each.transform(query, key, value, each.make_table(positions), inputs)
        found.append(turned @ keys.mT)
    return found


@FORMS
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (partial(XPos, gamma=math.inf), {}),
        (partial(XPos, gamma=math.inf, fraction=0.5), {"fraction": 0.5}),
        (CARoPE, {}),
        (partial(ComRoPE, block=2), {"pairing": "interleaved"}),
    ],
    ids=["xpos", "xpos-half", "carope", "comrope"],
)
def test_other_encodings_that_are_rope_are_extended_as_it_is(kind, options, extension):
    """xPos without decay, and content-dependent and learned frequencies as they are initialised, are RoPE."""
    theirs = logits(RoPE(SHAPE, **options), extension)
    for ours, those in zip(logits(kind(SHAPE), extension), theirs, strict=True):
        assert_close(ours, those, rtol=1e-4, atol=1e-4)
    assert (theirs[0] - theirs[1]).abs().max() > 1e-2


@FORMS
def test_learned_frequencies_are_multiplied_pair_by_pair(extension):
    torch.manual_seed(0)
    pe = ComRoPE(SHAPE, block=2)
    with torch.no_grad():
        pe.log_frequency.add_(torch.randn_like(pe.log_frequency))
    before, after = logits(pe, extension)
    rope = RoPE(SHAPE)
    initial = rope.frequencies(CPU).double()
    factor = extension.frequencies(initial, rope, Sizes(12, 12, 20)) / initial
    with torch.no_grad():
        pe.log_frequency.add_(factor.log())
    assert_close(logits(pe, extension)[0], after, rtol=1e-4, atol=1e-4)
    assert (before - after).abs().max() > 1e-2


def test_the_decay_of_xpos_stays():
    """With all frequencies near 0 nothing is left but the decay, zeta_c^(distance / scale_base)."""
    pe = XPos(SHAPE, scale_base=16.0, gamma=0.4)
    _, after = logits(pe, Interpolate(1e9))
    query, key, _ = torch.randn(3, 1, 2, 20, 8, generator=torch.Generator().manual_seed(0)).double()
    channel = torch.arange(8) % 4
    zeta = ((2 * channel / 8) + 0.4) / 1.4
    for i, j in ((19, 0), (7, 3), (5, 5)):
        expected = (query[0, :, i] * key[0, :, j] * zeta ** ((i - j) / 16)).sum(-1)
        assert_close(after[0, :, i, j], expected, rtol=1e-4, atol=1e-4)


def test_what_needs_frequencies_of_its_own_is_refused():
    with pytest.raises(UsageError, match=r"needs pe=rope\b"):
        YaRN(2.0).fit(Parts(XPos(SHAPE), (), Contiguous()))
    with pytest.raises(UsageError, match="carope or comrope"):
        NTK(2.0).fit(Parts(NoPE(SHAPE), (), Contiguous()))
