"""Position coupling: tokens that must be matched share a position (Cho et al. 2024, section 4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, Int, Real
from torch import Tensor

from lengen.config.errors import UsageError
from lengen.positions import LimitedPositions, Needs, noise, start
from lengen.task import Batch


@dataclass(frozen=True)
class Coupled(LimitedPositions):
    """Use the task's places, shifted by a random start in training; tokens without a place have position 0.

    The range of the start follows from the row's largest place, which may be in its answer.

    Args:
        maximum: largest position; the start is uniform over all that fit below it in training, and lowest in evaluation.
    """

    increasing: ClassVar[bool] = False
    aligned: ClassVar[bool] = True
    needs: ClassVar[Needs] = "row"
    reads_tokens: ClassVar[bool] = False
    maximum: int = 64

    def __call__(
        self, batch: Batch, generator: torch.Generator, *, training: bool
    ) -> Real[Tensor, "#batch time *streams"]:
        """See `Positions`."""
        places = batch.places
        if places is None:
            raise UsageError("positions=coupled: this task has no places to couple under its options")
        return self.shifted(places, noise(batch, 1, generator) if training else None)

    def shifted(
        self, level: Int[Tensor, "batch time"], drawn: Float[Tensor, "batch 1"] | None
    ) -> Int[Tensor, "batch time"]:
        """Shift places by a random start, if one is drawn; 0, which means no place, stays 0."""
        self.check_fit(int(level.max()))
        if drawn is None:
            return level
        shift = start(drawn, self.maximum - level.amax(1, keepdim=True))
        return torch.where(level > 0, level + shift, 0)

    def largest(self, batch: Batch, *, training: bool) -> int:
        """See `Positions`."""
        return self.maximum if training else super().largest(batch, training=False)
