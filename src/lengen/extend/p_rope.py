"""Cut the lowest frequencies (p-RoPE; Barbero et al. 2024), at p = 0 all of them (DroPE without tuning; 2025)."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from lengen.config.errors import require
from lengen.extend import Sizes
from lengen.extend.frequencies import Frequencies
from lengen.pe.rope import RoPE


class PRoPE(Frequencies):
    """Keep the floor(p r / 2) highest frequencies and set the others to 0: their channels are compared without rotation.

    It shows which pairs carry position: those whose cut changes the curve.

    Args:
        share: p, from 0 (no rotation at all) to 1 (nothing changes).
    """

    def __init__(self, share: float = 0.75) -> None:
        require(0 <= share <= 1, f"extend.p_rope.share={share}: must be in [0, 1]")
        self.share = share

    def frequencies(
        self, trained: Float[Tensor, " pair"], rope: RoPE, sizes: Sizes
    ) -> Float[Tensor, " pair"]:
        """The highest frequencies, and zeros."""
        kept = math.floor(self.share * len(trained) + 1e-9)
        return torch.where(torch.arange(len(trained)) < kept, trained, torch.zeros_like(trained))

    def changes_nothing(self, sizes: Sizes) -> bool:
        """With a share of 1."""
        return self.share == 1
