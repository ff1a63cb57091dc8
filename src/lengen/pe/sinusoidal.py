"""Sinusoidal absolute embeddings (Vaswani et al. 2017, section 3.5)."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float, Real
from torch import Tensor

from lengen.block.inputs import Shape
from lengen.config.errors import require
from lengen.pe import PositionalEncoding


def frequencies(dim: int, base: float, device: torch.device) -> Float[Tensor, " pair"]:
    """base^(-2c/dim) for c = 0 … dim/2 - 1, in radians per position, in float32."""
    return base ** (-torch.arange(0, dim, 2, dtype=torch.float32, device=device) / dim)


class Sinusoidal(PositionalEncoding):
    """Add sin(p w_c) and cos(p w_c) with w_c = base^(-2c/dim) to the token embedding. Defined at every position.

    Cost: fused attention, time quadratic and memory linear in tokens.

    Args:
        shape: the decoder's shape.
        base: sets the lowest frequency.
        layout: `interleaved` sines and cosines (Vaswani et al.) or `concatenated` halves (Transformer-XL; the code of
            Kazemnejad et al. 2023).
        scale: factor on the sinusoids; token embeddings start with a standard deviation of 1.
    """

    both_ways = True
    relative = False

    def __init__(
        self,
        shape: Shape,
        base: float = 10000.0,
        layout: Literal["interleaved", "concatenated"] = "interleaved",
        scale: float = 1.0,
    ) -> None:
        super().__init__(shape)
        require(shape.dim % 2 == 0, f"decoder.dim={shape.dim}: must be even for pe=sinusoidal")
        require(base > 1, f"pe.base={base}: must be above 1")
        self.base, self.layout, self.scale = base, layout, scale

    def embed(
        self, x: Float[Tensor, "batch time dim"], positions: Real[Tensor, "#batch time"]
    ) -> Float[Tensor, "batch time dim"]:
        """Add the sinusoids of each position."""
        angles = positions.float().unsqueeze(-1) * frequencies(self.shape.dim, self.base, x.device)
        waves = torch.stack([angles.sin(), angles.cos()], -1)
        if self.layout == "concatenated":
            waves = waves.transpose(-1, -2)
        return x + (self.scale * waves.flatten(-2)).to(x.dtype)
