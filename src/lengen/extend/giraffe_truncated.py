"""A truncated basis of frequencies (Giraffe; Pal et al. 2023)."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from lengen.config.errors import require
from lengen.extend import Sizes
from lengen.extend.frequencies import Frequencies
from lengen.pe.rope import RoPE


class GiraffeTruncated(Frequencies):
    """Frequencies from 2 pi / T on stay; those down to an eighth of it become 2 pi / (16 T), lower ones 0.

    Args:
        wavelength: T in tokens, above 0; None takes the trained number of tokens.
    """

    def __init__(self, wavelength: float | None = None) -> None:
        require(
            wavelength is None or wavelength > 0,
            f"extend.giraffe_truncated.wavelength={wavelength}: must be null, or above 0",
        )
        self.wavelength = wavelength

    def frequencies(
        self, trained: Float[Tensor, " pair"], rope: RoPE, sizes: Sizes
    ) -> Float[Tensor, " pair"]:
        """The trained ones, cut in two steps."""
        wavelength = self.wavelength or sizes.trained
        cut = 2 * math.pi / wavelength
        between = torch.where(
            trained >= cut / 8, torch.full_like(trained, cut / 16), torch.zeros_like(trained)
        )
        return torch.where(trained >= cut, trained, between)
