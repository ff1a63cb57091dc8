"""Inputs that checks are made with: a small decoder, tokens, positions, a block's view of a pass."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float, Int, Real
from torch import Tensor

from lengen.attention import AttentionRule
from lengen.attention.softmax import Softmax
from lengen.block.inputs import BlockCache, BlockInputs, Shape
from lengen.decoder import Architecture, Decoder
from lengen.pe import PositionalEncoding
from lengen.pe.nope import NoPE

SHAPE = Shape(32, 4)
"""Of the parts that are checked: 4 heads of 8 channels."""
VOCABULARY, TRAINED = 13, 12
"""Token ids, and a trained length in tokens: checks go below and above it."""
FAR = 3000
"""Positions to draw from, where an encoding holds so many."""


def decoder(
    pe: Callable[[Shape], PositionalEncoding] = NoPE,
    attention: Callable[[Shape], AttentionRule] = Softmax,
    *,
    looped: bool = False,
) -> Decoder:
    """A small decoder in float64, so that equal means equal to nine digits."""
    torch.manual_seed(0)
    architecture = Architecture(dim=32, heads=4, loops=1 + looped, inject=looped)
    return Decoder(architecture, VOCABULARY, pe, attention).double().eval()


def draw(rows: int, time: int, seed: int = 0) -> Int[Tensor, "rows time"]:
    """Random tokens."""
    return torch.randint(VOCABULARY, (rows, time), generator=torch.Generator().manual_seed(seed))


def streamed(
    pe: PositionalEncoding, positions: Real[Tensor, "#batch time"]
) -> Real[Tensor, "#batch time *streams"]:
    """Positions as an encoding reads them: the same in every stream, where a token has several."""
    return positions if pe.streams is None else torch.stack([positions] * pe.streams, -1)


def counted(pe: PositionalEncoding, time: int, start: int = 0) -> Real[Tensor, "1 time *streams"]:
    """Positions 0, 1, 2, … as an encoding reads them, or those from a start on."""
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
    """The newest of some tokens as a block sees them.

    Args:
        queries: new tokens.
        keys: all tokens; as many as new ones if None.
        x: what the block reads of all tokens; random in float64 if None, another for each number of keys.
        positions: of all tokens; counted from 0 if None.
        layer: which block.
        memory: what was kept of earlier tokens.
        rows: examples.
        dim: width of x.
    """
    keys = queries if keys is None else keys
    positions = torch.arange(keys).unsqueeze(0) if positions is None else positions
    if x is None:
        chance = torch.Generator().manual_seed(1)
        x = torch.randn(rows, keys, dim, generator=chance, dtype=torch.float64)
    return BlockInputs(
        x[:, keys - queries : keys],
        layer,
        positions[:, keys - queries : keys],
        positions[:, :keys],
        memory or BlockCache(),
    )
