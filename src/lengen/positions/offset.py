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
    """Count from a start that training draws uniformly, one an example, so that far positions are trained too.

    Args:
        maximum: number of positions; the start is uniform over what fits. A sweep starts at 0.
    """

    maximum: int = 512

    def __call__(
        self, batch: Batch, generator: torch.Generator, *, training: bool
    ) -> Real[Tensor, "#batch time"]:
        """See `Positions`."""
        self.check_fit(batch.time)
        counted = torch.arange(batch.time).unsqueeze(0)
        return counted + starts(batch, self.maximum - batch.time, generator) if training else counted

    def largest(self, batch: Batch, *, training: bool) -> int:
        """See `Positions`."""
        return self.maximum - 1 if training else super().largest(batch, training=False)
