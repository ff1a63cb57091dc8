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
    """Rotate pair c of queries and keys by position * base^(-2c/r), so that logits depend on distances only.

    r is the number of rotated channels per head. Angles are computed in float64, their cosines and sines are kept in
    float32 also where activations are bfloat16; logits of equal distances agree to 1e-5 up to positions of 10^7 and
    more. (On Apple's GPUs, which lack float64, they differ by 5e-3 at 10^6.) Defined at every position, but beyond the trained length low-frequency
    pairs reach angles never seen in training. Cost: fused attention, time quadratic and memory linear in tokens; keys are
    cached as rotated.

    Args:
        shape: the decoder's shape.
        base: sets the lowest frequency.
        fraction: fraction of a head's channels that are rotated, the leading ones (0.25 in Kazemnejad et al. 2023).
        pairing: `half` pairs channel c with c + r/2 (NeoX, Llama), `interleaved` pairs 2c with 2c + 1 (RoFormer, GPT-J).
    """

    both_ways = True

    def __init__(
        self,
        shape: Shape,
        base: float = 10000.0,
        fraction: float = 1.0,
        pairing: Literal["half", "interleaved"] = "half",
    ) -> None:
        super().__init__(shape)
        self.channels = round(shape.head_dim * fraction)
        require(base > 1, f"pe.base={base}: must be above 1")
        require(0 < fraction <= 1, f"pe.fraction={fraction}: must be in (0, 1]")
        pairs = self.channels >= 2 and self.channels % 2 == 0  # noqa: PLR2004
        require(
            pairs or fraction != 1,
            f"decoder.dim={shape.dim} with decoder.heads={shape.heads}: gives {shape.head_dim} channels per head; must be an "
            "even number, as rotations take pairs of channels",
        )
        require(
            pairs,
            f"pe.fraction={fraction}: rotates {self.channels} of the {shape.head_dim} channels per head; must rotate an even number, at least 2",
        )
        self.base, self.pairing = base, pairing

    def make_table(self, positions: Real[Tensor, "#batch time"]) -> Float[Tensor, "2 #batch 1 time pair"]:
        """Cosine and sine of every position's angles."""
        return rotations(positions.unsqueeze(-1), self.frequencies(positions.device)).unsqueeze(2)

    def frequencies(self, device: torch.device) -> Float[Tensor, " pair"]:
        """Radians per position of every pair."""
        return frequencies(self.channels, self.base, device)

    def transform(
        self,
        query: Heads,
        key: Heads,
        value: Heads,
        table: Tensor | None,
        inputs: BlockInputs,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Rotate queries and keys by their positions."""
        assert table is not None
        return self.rotate(query, table), self.rotate(key, table), value

    def rotate(
        self,
        x: Heads,
        table: Float[Tensor, "2 #batch #heads time pair"],
    ) -> Heads:
        """Rotate the pairs of every head by the angles of a table, in the table's precision if it is the higher one."""
        cos, sin = table
        channels = x[..., : self.channels]
        if self.pairing == "half":
            a, b = channels.chunk(2, -1)
            rotated = torch.cat([a * cos - b * sin, b * cos + a * sin], -1)
        else:
            a, b = channels[..., 0::2], channels[..., 1::2]
            rotated = torch.stack([a * cos - b * sin, b * cos + a * sin], -1).flatten(-2)
        rotated = rotated.to(x.dtype)
        return rotated if self.channels == x.shape[-1] else torch.cat([rotated, x[..., self.channels :]], -1)


def rotations(positions: Real[Tensor, "..."], frequency: Float[Tensor, "..."]) -> Float[Tensor, "2 ..."]:
    """Cosine and sine of positions times frequencies (broadcast), in the precision of the latter; angles are in float64."""
    exact = torch.float32 if positions.device.type == "mps" else torch.float64
    angles = positions.to(exact) * frequency.to(exact)
    return torch.stack([angles.cos(), angles.sin()]).to(frequency.dtype)
