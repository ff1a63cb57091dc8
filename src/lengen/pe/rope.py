"""Rotary position embedding (Su et al. 2021, section 3.2)."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float, Real
from torch import Tensor

from lengen.block.inputs import BlockInputs, Heads, Shape
from lengen.config.errors import require
from lengen.pe import PositionalEncoding
from lengen.pe.sinusoidal import frequencies


class RoPE(PositionalEncoding):
    """Turn pair c of queries and keys by position * base^(-2c/r): logits depend on distances alone.

    Fused attention: time quadratic, memory linear in tokens; keys are cached as rotated. Defined at every position, but
    slow pairs meet angles beyond the trained length that training never showed.

    Args:
        shape: the decoder it serves.
        base: sets the slowest frequency.
        fraction: share of the head's channels that turn, the leading ones (the central paper has 0.25).
        pairing: `half` pairs channel c with c + r/2 (NeoX, Llama), `interleaved` pairs 2c with 2c + 1 (RoFormer, GPT-J).
    """

    def __init__(
        self,
        shape: Shape,
        base: float = 10000.0,
        fraction: float = 1.0,
        pairing: Literal["half", "interleaved"] = "half",
    ) -> None:
        super().__init__(shape)
        self.channels = round(shape.head_dim * fraction)
        require(base > 1, f"pe.base={base}: allowed is above 1")
        require(0 < fraction <= 1, f"pe.fraction={fraction}: allowed is above 0, up to 1")
        require(
            self.channels >= 2 and self.channels % 2 == 0,  # noqa: PLR2004
            f"pe.fraction={fraction}: {self.channels} of {shape.head_dim} channels a head would turn; needs an even number from 2 up",
        )
        self.base, self.pairing = base, pairing

    def make_table(self, positions: Real[Tensor, "#batch time"]) -> Float[Tensor, "2 #batch 1 time pair"]:
        """Cosine and sine of every angle."""
        angles = positions.float().unsqueeze(-1) * frequencies(self.channels, self.base, positions.device)
        return torch.stack([angles.cos(), angles.sin()]).unsqueeze(2)

    def transform(
        self,
        query: Heads,
        key: Heads,
        value: Heads,
        table: Tensor | None,
        inputs: BlockInputs,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Turn queries and keys by their own positions."""
        assert table is not None
        return self.rotate(query, table), self.rotate(key, table), value

    def rotate(
        self,
        x: Heads,
        table: Float[Tensor, "2 #batch #heads time pair"],
    ) -> Heads:
        """Turn the pairs of every head by the angles of a table."""
        cos, sin = table.to(x.dtype)
        turning = x[..., : self.channels]
        if self.pairing == "half":
            a, b = turning.chunk(2, -1)
            turned = torch.cat([a * cos - b * sin, b * cos + a * sin], -1)
        else:
            a, b = turning[..., 0::2], turning[..., 1::2]
            turned = torch.stack([a * cos - b * sin, b * cos + a * sin], -1).flatten(-2)
        return turned if self.channels == x.shape[-1] else torch.cat([turned, x[..., self.channels :]], -1)
