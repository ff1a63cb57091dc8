"""Power scaling of frequencies (Giraffe; Pal et al. 2023)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from lengen.config.errors import require
from lengen.extend import Sizes
from lengen.extend.frequencies import Frequencies
from lengen.pe.rope import RoPE


class GiraffePower(Frequencies):
    """theta_c (1 - 2c/r)^power: high frequencies stay, low ones shrink towards 0. Independent of the evaluated length.

    Args:
        power: at least 0; 0 changes nothing.
    """

    def __init__(self, power: float = 0.5) -> None:
        require(power >= 0, f"extend.giraffe_power.power={power}: must be at least 0")
        self.power = power

    def frequencies(
        self, trained: Float[Tensor, " pair"], rope: RoPE, sizes: Sizes
    ) -> Float[Tensor, " pair"]:
        """The trained ones, times the power."""
        share = torch.arange(len(trained), dtype=trained.dtype) / len(trained)
        return trained * (1 - share) ** self.power

    def changes_nothing(self, sizes: Sizes) -> bool:
        """With a power of 0."""
        return self.power == 0
