"""Position coupling: tokens that must be matched share a position (Cho et al. 2024, section 4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Int, Real
from torch import Tensor

from lengen.config.errors import UsageError
from lengen.positions import LimitedPositions, starts
from lengen.task import Batch


@dataclass(frozen=True)
class Coupled(LimitedPositions):
    """Use the task's places, shifted by a random start in training; tokens without a place have position 0.

    Args:
        maximum: largest position; the start is uniform over all that fit below it in training, and lowest in evaluation.
    """

    increasing: ClassVar[bool] = False
    aligned: ClassVar[bool] = True
    maximum: int = 64

    def __call__(
        self, batch: Batch, generator: torch.Generator, *, training: bool
    ) -> Real[Tensor, "#batch time *streams"]:
        """See `Positions`."""
        places = batch.places
        if places is None:
            raise UsageError("positions=coupled: this task has no places to couple under its options")
        return self.shifted(places, batch, generator, training=training)

    def shifted(
        self,
        level: Int[Tensor, "batch time"],
        batch: Batch,
        generator: torch.Generator,
        *,
        training: bool,
    ) -> Int[Tensor, "batch time"]:
        """Shift places by a random start in training; 0, which means no place, stays 0."""
        self.check_fit(int(level.max()))
        if not training:
            return level
        shift = starts(batch, self.maximum - level.amax(1, keepdim=True), generator)
        return torch.where(level > 0, level + shift, 0)

    def largest(self, batch: Batch, *, training: bool) -> int:
        """See `Positions`."""
        return self.maximum if training else super().largest(batch, training=False)
