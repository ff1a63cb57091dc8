"""Context-aware rotary position embedding (arXiv 2507.23083)."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import softplus

from lengen.block.inputs import BlockInputs, Heads, Shape
from lengen.pe import PositionalEncoding
from lengen.pe.cable import HeadGate, accumulate, unsoftplus
from lengen.pe.rope import RoPE


class CARoPE(PositionalEncoding):
    """RoPE with frequencies that depend on the content: pair c of a head is rotated by the sum of f(x)^c over all tokens so far.

    f(x) = 1 / (1 + softplus(W x + b)), in (0, 1) and one per head, takes the place of RoPE's base^(-2/d). A logit depends
    on the angles added between key and query. With a constant f = base^(-2/d) this is RoPE at position m + 1. Positions
    are not read. Cost: fused attention, time quadratic and memory linear in tokens, including the phases (one sum per
    head and pair). Keys are cached as rotated, with one running phase. Beyond the trained length angles grow as in RoPE,
    unless training has made f small.

    No code by the authors is known, and the text leaves points open. Our interpretation: c counts from 0; x is the input
    of the block's attention; each layer has its own W unless shared; and a bias b, which the text does not mention, lets
    training start at RoPE.

    Args:
        shape: the decoder's shape.
        base: sets the initial f, base^(-2/head_dim).
        pairing: see `RoPE`.
        std: standard deviation of the initial W; 0 starts exactly at RoPE.
        share_layers: whether all layers share W and b.
    """

    reads = False

    def __init__(
        self,
        shape: Shape,
        base: float = 10000.0,
        pairing: Literal["half", "interleaved"] = "half",
        std: float = 0.0,
        share_layers: bool = False,
    ) -> None:
        super().__init__(shape)
        self.rope = RoPE(shape, base, 1.0, pairing)
        start = unsoftplus(base ** (2 / shape.head_dim) - 1)
        self.gate = HeadGate(shape, start, std, share_layers)

    def transform(
        self,
        query: Heads,
        key: Heads,
        value: Heads,
        table: Tensor | None,
        inputs: BlockInputs,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Rotate queries and keys by the phases of their tokens."""
        phases = self.phases(inputs)
        rotation = torch.stack([phases.cos(), phases.sin()])
        return self.rope.rotate(query, rotation), self.rope.rotate(key, rotation), value

    def phases(self, inputs: BlockInputs) -> Float[Tensor, "batch heads time pair"]:
        """Angles of the new tokens in radians, in float32: cumulative sums of exp(c ln f)."""
        log_f = -softplus(self.gate(inputs)).log1p()
        powers = torch.arange(self.shape.head_dim // 2, device=log_f.device)
        return accumulate(inputs.cache, "phase", (log_f.unsqueeze(-1) * powers).exp())
