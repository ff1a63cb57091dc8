"""Position coupling: tokens that must be matched share a position (Cho et al. 2024, section 4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Int, Real
from torch import Tensor

from lengen.config.errors import require
from lengen.positions import Positions, starts
from lengen.positions.offset import fits
from lengen.task import Batch


@dataclass(frozen=True)
class Coupled(Positions):
    """The task's own places, shifted by a random start in training; tokens without a place have position 0.

    Args:
        maximum: largest position; the start is uniform over what fits below it, and lowest in sweeps.
    """

    increasing: ClassVar[bool] = False
    aligned: ClassVar[bool] = True
    maximum: int = 64

    def __post_init__(self) -> None:
        require(self.maximum >= 1, f"positions.maximum={self.maximum}: allowed is 1 or more")

    def __call__(
        self, batch: Batch, generator: torch.Generator, *, training: bool
    ) -> Real[Tensor, "#batch time *streams"]:
        """See `Positions`."""
        places = batch.places
        if places is None:
            raise ValueError("positions=coupled: this task has no places to couple under its options")
        return self.shifted(places, batch, generator, training=training)

    def shifted(
        self,
        level: Int[Tensor, "batch time"],
        batch: Batch,
        generator: torch.Generator,
        *,
        training: bool,
    ) -> Int[Tensor, "batch time"]:
        """Places from a random start; 0, which is no place, stays."""
        fits(int(level.max()), self.maximum)
        if not training:
            return level
        shift = starts(batch, self.maximum - level.amax(1, keepdim=True), generator)
        return torch.where(level > 0, level + shift, 0)

    def largest(self, batch: Batch, *, training: bool) -> int:
        """See `Positions`."""
        return self.maximum if training else super().largest(batch, training=False)
