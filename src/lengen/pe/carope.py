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
    """RoPE whose frequencies every token chooses: pair c of a head has turned by the sum over tokens so far of f(x)^c.

    f(x) = 1 / (1 + softplus(W x + b)), in (0, 1) and one a head, stands where RoPE has base^(-2/d); logits see what lies
    between key and query. With a constant f = base^(-2/d) this is RoPE at position m + 1. Positions are not read.
    Fused attention: time quadratic, memory linear in tokens, the phases, a sum
    for every head and pair, included. Keys are cached as rotated,
    beside one running phase. Beyond the trained length angles grow as RoPE's do, unless f learned to be slow.

    No code of the authors is known, and the text leaves points open. Our interpretation: c counts from 0, x is what the
    block's attention reads, W is a layer's own unless shared, and a bias b, which the text lacks, makes true that it
    starts at RoPE.

    Args:
        shape: the decoder it serves.
        base: sets f at the start, base^(-2/head_dim).
        pairing: see `RoPE`.
        std: standard deviation of the initial W; 0 starts at RoPE itself.
        share_layers: whether all layers have the same W and b.
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
        """Turn queries and keys by the phases of their tokens."""
        phases = self.phases(inputs)
        turn = torch.stack([phases.cos(), phases.sin()])
        return self.rope.rotate(query, turn), self.rope.rotate(key, turn), value

    def phases(self, inputs: BlockInputs) -> Float[Tensor, "batch heads time pair"]:
        """Angles of the new tokens in radians, float32: sums of exp(c ln f)."""
        slowness = -softplus(self.gate(inputs)).log1p()
        powers = torch.arange(self.shape.head_dim // 2, device=slowness.device)
        return accumulate(inputs.cache, "phase", (slowness.unsqueeze(-1) * powers).exp())
