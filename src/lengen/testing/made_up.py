"""Inputs of the contract tests: a small decoder, tokens, positions, and the inputs of a block."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float, Int, Real
from torch import Tensor

from lengen.attention import AttentionRule
from lengen.attention.softmax import Softmax
from lengen.block.inputs import BlockCache, BlockInputs, Shape
from lengen.decoder import Architecture, Decoder
from lengen.head import Head, Output
from lengen.head.linear import Linear
from lengen.mixer import Layer, Mixer
from lengen.mixer.attention import Attention
from lengen.pe import PositionalEncoding
from lengen.pe.nope import NoPE

SHAPE = Shape(32, 4)
"""Shape of the checked parts: 4 heads of 8 channels."""
VOCABULARY, TRAINED = 13, 12
"""Number of token ids, and a trained length in tokens; checks use shorter and longer inputs too."""
FAR = 3000
"""Number of positions to draw from, if the encoding has so many."""


def decoder(
    pe: Callable[[Shape], PositionalEncoding] = NoPE,
    attention: Callable[[Shape], AttentionRule] = Softmax,
    *,
    looped: bool = False,
    mixer: Callable[[Layer], Mixer] = Attention,
    head: Callable[[Output], Head] = Linear,
    tied: bool = False,
) -> Decoder:
    """Return a small decoder in float64, so that equality can be tested to nine digits."""
    torch.manual_seed(0)
    architecture = Architecture(dim=32, heads=4, loops=1 + looped, inject=looped, tied=tied)
    return Decoder(architecture, VOCABULARY, pe, attention, mixer=mixer, head=head).double().eval()


def draw(rows: int, time: int, seed: int = 0) -> Int[Tensor, "rows time"]:
    """Draw random tokens."""
    return torch.randint(VOCABULARY, (rows, time), generator=torch.Generator().manual_seed(seed))


def streamed(
    pe: PositionalEncoding, positions: Real[Tensor, "#batch time"]
) -> Real[Tensor, "#batch time *streams"]:
    """Return positions in the shape that an encoding expects: the same in every stream, if tokens have several."""
    return positions if pe.streams is None else torch.stack([positions] * pe.streams, -1)


def counted(pe: PositionalEncoding, time: int, start: int = 0) -> Real[Tensor, "1 time *streams"]:
    """Return consecutive positions from `start` on, in the shape that an encoding expects."""
    return streamed(pe, torch.arange(start, start + time).unsqueeze(0))


def inputs(
    queries: int,
    keys: int | None = None,
    *,
    x: Float[Tensor, "batch all dim"] | None = None,
    positions: Real[Tensor, "#rows every *streams"] | None = None,
    layer: int = 0,
    memory: BlockCache | None = None,
    rows: int = 2,
    dim: int = 32,
) -> BlockInputs:
    """Return the inputs of a block for the newest of some tokens.

    Args:
        queries: number of new tokens.
        keys: number of all tokens; None for the new ones alone.
        x: the residual stream of all tokens; None for random values in float64, which differ by the number of keys.
        positions: the positions of all tokens; None for 0, 1, 2, …
        layer: index of the block.
        memory: the block's cache of earlier tokens.
        rows: number of examples.
        dim: width of x.
    """
    keys = queries if keys is None else keys
    positions = torch.arange(keys).unsqueeze(0) if positions is None else positions
    if x is None:
        generator = torch.Generator().manual_seed(1)
        x = torch.randn(rows, keys, dim, generator=generator, dtype=torch.float64)
    return BlockInputs(
        x[:, keys - queries : keys],
        layer,
        positions[:, keys - queries : keys],
        positions[:, :keys],
        memory or BlockCache(),
    )
