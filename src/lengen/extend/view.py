"""A view on a trained decoder: the same parameters with other parts around them."""

from __future__ import annotations

from torch import nn

from lengen.decoder import Block, Decoder
from lengen.extend import DoesNotApplyError, Parts
from lengen.extend.shallow import shallow
from lengen.mixer.attention import Attention
from lengen.positions import Positions


def parts_of(decoder: Decoder, positions: Positions, *, attends: bool = True) -> Parts:
    """Return the parts of a decoder that extensions may replace.

    Args:
        decoder: a trained decoder.
        positions: its position scheme.
        attends: whether all of its layers must attend.

    Raises:
        DoesNotApplyError: they must, and do not; or tokens of a prompt see later ones.
    """
    if decoder.whole_prompts:
        raise DoesNotApplyError("decoder", decoder.architecture, decoder.architecture.one_way)
    for mixer in decoder.mixers:
        if attends and not isinstance(mixer, Attention):
            raise DoesNotApplyError("mixer", mixer, "attention in all layers")
        if attends and isinstance(mixer, Attention) and mixer.pe is not None:
            raise DoesNotApplyError("mixer.pe", mixer.pe, "one encoding for all layers")
    return Parts(decoder.pe, tuple(decoder.rules), positions, tuple(decoder.mixers))


def view(decoder: Decoder, parts: Parts) -> Decoder:
    """Return a decoder with other parts, which holds the same parameter tensors; the decoder itself is unchanged.

    Args:
        decoder: a trained decoder, in evaluation mode.
        parts: the parts to use in place of its own.
    """
    made = shallow(decoder)
    made.flex, made.plain, made.pe = False, True, parts.pe
    blocks, rules = nn.ModuleList(), iter(parts.rules)
    for block, mixer in zip(decoder.blocks, parts.mixers, strict=True):
        assert isinstance(block, Block)
        other, mixing = shallow(block), mixer
        if isinstance(mixing, Attention):
            mixing = shallow(mixing)
            mixing.rule = next(rules)
        other.add_module(other.part, mixing)
        blocks.append(other)
    made.blocks = blocks
    return made.eval()
