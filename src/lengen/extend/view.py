"""A view on a trained decoder: the same parameters with other parts around them."""

from __future__ import annotations

import copy
from typing import TypeVar

from torch import nn

from lengen.decoder import Block, Decoder
from lengen.extend import DoesNotApplyError, Parts
from lengen.mixer.attention import Attention
from lengen.positions import Positions

Part = TypeVar("Part", bound=nn.Module)


def parts_of(decoder: Decoder, positions: Positions) -> Parts:
    """Return the parts of a decoder that extensions may replace.

    Raises:
        DoesNotApplyError: not all of its layers attend, or tokens of a prompt see later ones.
    """
    if decoder.prefix:
        raise DoesNotApplyError("decoder", decoder.architecture, "decoder.mask=causal")
    for mixer in decoder.mixers:
        if not isinstance(mixer, Attention):
            raise DoesNotApplyError("mixer", mixer, "attention in all layers")
    return Parts(decoder.pe, tuple(decoder.rules), positions)


def view(decoder: Decoder, parts: Parts) -> Decoder:
    """Return a decoder with other parts, which holds the same parameter tensors; the decoder itself is unchanged.

    Args:
        decoder: a trained decoder, in evaluation mode.
        parts: the parts to use in place of its own.
    """
    made = shallow(decoder)
    made.flex, made.plain, made.pe = False, True, parts.pe
    blocks = nn.ModuleList()
    for block, rule in zip(decoder.blocks, parts.rules, strict=True):
        assert isinstance(block, Block)
        other = shallow(block)
        other.attention = shallow(block.attention)
        other.attention.rule = rule
        blocks.append(other)
    made.blocks = blocks
    return made.eval()


def shallow(module: Part) -> Part:
    """Return a copy of a module that holds the same parameters, buffers and submodules, and can get others."""
    made = copy.copy(module)
    for name in ("_parameters", "_buffers", "_modules"):
        made.__dict__[name] = dict(module.__dict__[name])
    return made
