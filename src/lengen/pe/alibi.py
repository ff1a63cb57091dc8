"""Attention with linear biases (Press et al. 2022, section 3)."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from lengen.block.inputs import KeyPosition, LogitBias, QueryPosition, Shape
from lengen.config.errors import require
from lengen.pe import PositionalEncoding


def geometric(heads: int) -> list[float]:
    """Slopes 2^(-8h/heads), h = 1 … heads.

    If the number of heads is not a power of 2, the slopes of the next lower power come first; the rest is every second
    slope of the next higher power.
    """
    power = 1 << (heads.bit_length() - 1)
    slopes = [2 ** (-8 * head / power) for head in range(1, power + 1)]
    return slopes if power == heads else slopes + geometric(2 * power)[0 : 2 * (heads - power) : 2]


def harmonic(heads: int) -> list[float]:
    """Slopes 1/h, h = 1 … heads."""
    return [1 / head for head in range(1, heads + 1)]


def distances(query: QueryPosition, key: KeyPosition) -> Float[Tensor, "#batch 1 query key"]:
    """|query - key| of every pair, in float32."""
    return (query.unsqueeze(-1) - key.unsqueeze(-2)).float().abs().unsqueeze(1)


class ALiBi(PositionalEncoding):
    """Subtract slope * distance from the scaled logits of each head. Nothing is learned; defined at every length.

    Distances are absolute values. This matters only if positions do not increase (coupled positions), a case the paper
    does not cover. Cost: attention with a bias mask, time and memory quadratic in tokens.

    Args:
        shape: the decoder's shape.
        slopes: `geometric`, as in the paper (very small below 4 heads); `harmonic`, 1/1, 1/2, 1/3, … (steeper); or a
            list with one slope per head. None is `geometric`; it keeps the identity of cells from before this option.
    """

    both_ways = True

    def __init__(
        self, shape: Shape, slopes: Literal["geometric", "harmonic"] | list[float] | None = None
    ) -> None:
        super().__init__(shape)
        if isinstance(slopes, list):
            require(
                len(slopes) == shape.heads,
                f"pe.slopes={slopes}: must have one slope per head ({shape.heads})",
            )
            self.slopes = tuple(slopes)
        else:
            self.slopes = tuple((harmonic if slopes == "harmonic" else geometric)(shape.heads))

    def logit_bias(self, query: QueryPosition, key: KeyPosition) -> LogitBias:
        """-slope * |query - key|."""
        return -torch.tensor(self.slopes, device=query.device).view(-1, 1, 1) * distances(query, key)
