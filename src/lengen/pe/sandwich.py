"""Sandwich: the inner product of sinusoidal embeddings as a bias (Chi et al. 2023, section 5)."""

from __future__ import annotations

import torch
from jaxtyping import Float, Real
from torch import Tensor

from lengen.block.inputs import KeyPosition, LogitBias, QueryPosition, Shape
from lengen.config.errors import require
from lengen.pe import PositionalEncoding


class Sandwich(PositionalEncoding):
    """(sum over c = 1 … width/2 of cos(distance * base^(-2c/width)) - width/2) / (8h/heads), h = 1 … heads.

    Added after scaling; 0 at distance 0. Nothing is learned. It falls like a logarithm and flattens beyond some
    thousand tokens, with ripples. The head's factor divides, as in NVIDIA's implementation, so that the first head is
    the steepest; a survey prints it as a multiplication, and the authors' own code could not be read: our choice.
    Attention with a bias mask: time and memory quadratic in tokens; the cosines are taken once a distance, not once a
    pair.

    Args:
        shape: the decoder it serves.
        width: of the sinusoidal embedding, free and even; larger is steeper.
        base: sets the slowest cosine.
    """

    def __init__(self, shape: Shape, width: int = 128, base: float = 10000.0) -> None:
        super().__init__(shape)
        require(width >= 2 and width % 2 == 0, f"pe.width={width}: allowed is an even number from 2 up")  # noqa: PLR2004
        require(base > 1, f"pe.base={base}: allowed is above 1")
        self.width, self.base = width, base

    def logit_bias(self, query: QueryPosition, key: KeyPosition) -> LogitBias:
        """The sum of cosines, with a factor a head."""
        apart = (query.unsqueeze(-1) - key.unsqueeze(-2)).abs().unsqueeze(1)
        if apart.is_floating_point():
            distance, place = torch.unique(apart, return_inverse=True)
        else:
            distance, place = torch.arange(int(apart.max()) + 1, device=apart.device), apart.long()
        head = torch.arange(1, self.shape.heads + 1, device=apart.device).view(-1, 1, 1)
        return self.fall(distance)[place] * (self.shape.heads / (8 * head))

    def fall(self, distance: Real[Tensor, " distance"]) -> Float[Tensor, " distance"]:
        """The sum of cosines less its value at 0, float32."""
        exponent = (
            torch.arange(2, self.width + 2, 2, dtype=torch.float32, device=distance.device) / self.width
        )
        return torch.cos(distance.float().unsqueeze(-1) * self.base**-exponent).sum(-1) - self.width / 2
