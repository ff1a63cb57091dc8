"""Sandwich: the inner product of sinusoidal embeddings as a bias (Chi et al. 2023, section 5)."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float, Real
from torch import Tensor

from lengen.block.inputs import KeyPosition, LogitBias, QueryPosition, Shape
from lengen.config.errors import require
from lengen.pe import PositionalEncoding


class Sandwich(PositionalEncoding):
    """(sum over c = first … first + width/2 - 1 of cos(distance * base^(-2c/width)) - width/2) / (8h/heads), h = 1 … heads.

    Added after scaling; 0 at distance 0. Nothing is learned. The bias falls like a logarithm and flattens beyond about a
    thousand tokens, with ripples. We divide by the head's factor, as in NVIDIA's implementation, so that the first head
    is the steepest; a survey prints a multiplication, and the authors' code was not available. Open, too, is where the sum starts, which moves logits by 4% at distance 500 and by a third at distance 1: at 1, as
    in the formula that we follow, or at 0, as in sinusoidal embeddings (NVIDIA's implementation starts at 1 and leaves out
    the last term). Cost: attention with a
    bias mask, time and memory quadratic in tokens; cosines are computed once per distance, not once per pair.

    Args:
        shape: the decoder's shape.
        width: width of the sinusoidal embedding, even and independent of the decoder's; larger is steeper.
        base: sets the lowest frequency.
        first: first index of the sum, 1 or 0; with 0 the highest frequency is 1.
    """

    both_ways = True

    def __init__(
        self, shape: Shape, width: int = 128, base: float = 10000.0, first: Literal[0, 1] = 1
    ) -> None:
        super().__init__(shape)
        require(width >= 2 and width % 2 == 0, f"pe.width={width}: must be even and at least 2")  # noqa: PLR2004
        require(base > 1, f"pe.base={base}: must be above 1")
        self.width, self.base, self.first = width, base, first

    def logit_bias(self, query: QueryPosition, key: KeyPosition) -> LogitBias:
        """The bias of every pair, computed once per distinct distance."""
        distances = (query.unsqueeze(-1) - key.unsqueeze(-2)).abs().unsqueeze(1)
        if distances.is_floating_point():
            distinct, index = torch.unique(distances, return_inverse=True)
        else:
            distinct, index = (
                torch.arange(int(distances.max()) + 1, device=distances.device),
                distances.long(),
            )
        head = torch.arange(1, self.shape.heads + 1, device=distances.device).view(-1, 1, 1)
        return self.profile(distinct)[index] * (self.shape.heads / (8 * head))

    def profile(self, distance: Real[Tensor, " distance"]) -> Float[Tensor, " distance"]:
        """The sum of cosines minus its value at distance 0, in float32."""
        index = torch.arange(self.width // 2, dtype=torch.float32, device=distance.device) + self.first
        exponent = 2 * index / self.width
        return torch.cos(distance.float().unsqueeze(-1) * self.base**-exponent).sum(-1) - self.width / 2
