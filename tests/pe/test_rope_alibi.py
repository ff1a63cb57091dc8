"""RoPE and ALiBi composed: each of the two alone, where the other does nothing."""

from functools import partial

import pytest
import torch
from torch.testing import assert_close

from lengen.attention.softmax import Softmax
from lengen.block.inputs import Shape
from lengen.decoder import Architecture, Decoder
from lengen.pe.alibi import ALiBi
from lengen.pe.rope import RoPE
from lengen.pe.rope_alibi import RopeALiBi

TOKENS, COUNTED = torch.arange(20).view(1, 20) % 7, torch.arange(20).view(1, 20)


def logits(encoding, positions):
    torch.manual_seed(0)
    return Decoder(Architecture(), 7, encoding, Softmax)(TOKENS, positions)


def test_zero_slopes_are_rope():
    ours = logits(partial(RopeALiBi, slopes=[0.0] * 4, base=100.0), COUNTED)
    assert_close(ours, logits(partial(RoPE, base=100.0), COUNTED), rtol=0, atol=1e-5)


def test_bias_is_alibi():
    assert torch.equal(
        RopeALiBi(Shape(32, 4)).logit_bias(COUNTED, COUNTED), ALiBi(Shape(32, 4)).logit_bias(COUNTED, COUNTED)
    )


def test_slopes_are_those_of_alibi():
    ours, alibi = RopeALiBi(Shape(32, 4), slopes="harmonic"), ALiBi(Shape(32, 4), "harmonic")
    assert torch.equal(ours.logit_bias(COUNTED, COUNTED), alibi.logit_bias(COUNTED, COUNTED))
    assert not torch.equal(
        ours.logit_bias(COUNTED, COUNTED), RopeALiBi(Shape(32, 4)).logit_bias(COUNTED, COUNTED)
    )


def test_mix_goes_from_rope_to_alibi():
    ours, alibi = RopeALiBi(Shape(32, 4), mix=0.25), ALiBi(Shape(32, 4))
    assert_close(ours.logit_bias(COUNTED, COUNTED), alibi.logit_bias(COUNTED, COUNTED) / 4, rtol=0, atol=0)
    assert_close(logits(partial(RopeALiBi, mix=0.0), COUNTED), logits(RoPE, COUNTED), rtol=0, atol=1e-5)


def test_only_distances_matter():
    assert_close(logits(RopeALiBi, COUNTED), logits(RopeALiBi, COUNTED + 1000), rtol=0, atol=1e-3)
    reflected = logits(RopeALiBi, COUNTED.flip(1))
    assert (logits(RopeALiBi, COUNTED) - reflected).abs().max() > 0.1  # and their sign


def test_options_are_refused_as_in_each():
    with pytest.raises(ValueError, match=r"pe\.base"):
        RopeALiBi(Shape(32, 4), base=0.5)
    with pytest.raises(ValueError, match=r"pe\.slopes"):
        RopeALiBi(Shape(32, 4), slopes=[1.0])
    with pytest.raises(ValueError, match=r"pe\.mix=-1.0: must be at least 0"):
        RopeALiBi(Shape(32, 4), mix=-1.0)
