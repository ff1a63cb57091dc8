"""Contiguous positions from a random start (Kiyono et al. 2021, SHAPE)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Real
from torch import Tensor

from lengen.positions import LimitedPositions, starts
from lengen.task import Batch


@dataclass(frozen=True)
class Offset(LimitedPositions):
    """Count from a start that is drawn per example in training, so that larger positions are trained too.

    Args:
        maximum: number of positions; the start is uniform over all that fit in training, and 0 in evaluation.
    """

    maximum: int = 512

    def __call__(
        self, batch: Batch, generator: torch.Generator, *, training: bool
    ) -> Real[Tensor, "#batch time"]:
        """See `Positions`."""
        self.check_fit(batch.time)
        indices = torch.arange(batch.time).unsqueeze(0)
        return indices + starts(batch, self.maximum - batch.time, generator) if training else indices

    def largest(self, batch: Batch, *, training: bool) -> int:
        """See `Positions`."""
        return self.maximum - 1 if training else super().largest(batch, training=False)
