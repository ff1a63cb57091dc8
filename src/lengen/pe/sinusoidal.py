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
    """base^(-2c/dim) for c = 0 … dim/2 - 1, in radians a position, float32."""
    return base ** (-torch.arange(0, dim, 2, dtype=torch.float32, device=device) / dim)


class Sinusoidal(PositionalEncoding):
    """sin(p w_c) and cos(p w_c) with w_c = base^(-2c/dim), added to the token embedding. Defined at every position.

    Fused attention: time quadratic, memory linear in tokens.

    Args:
        shape: the decoder it serves.
        base: sets the slowest frequency.
        layout: `interleaved` sine and cosine (Vaswani et al.) or `concatenated` halves (Transformer-XL, the central
            paper's code).
        scale: factor on the sinusoids; token embeddings start at standard deviation 1.
    """

    relative = False

    def __init__(
        self,
        shape: Shape,
        base: float = 10000.0,
        layout: Literal["interleaved", "concatenated"] = "interleaved",
        scale: float = 1.0,
    ) -> None:
        super().__init__(shape)
        require(shape.dim % 2 == 0, f"decoder.dim={shape.dim}: pe=sinusoidal needs an even number")
        require(base > 1, f"pe.base={base}: allowed is above 1")
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
