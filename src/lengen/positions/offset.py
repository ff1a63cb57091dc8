"""Contiguous positions from a random start (Kiyono et al. 2021, SHAPE)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Real
from torch import Tensor

from lengen.config.errors import require
from lengen.positions import Positions, starts
from lengen.task import Batch


@dataclass(frozen=True)
class Offset(Positions):
    """Count from a start that training draws uniformly, one an example, so that far positions are trained too.

    Args:
        maximum: number of positions; the start is uniform over what fits. A sweep starts at 0.
    """

    maximum: int = 512

    def __post_init__(self) -> None:
        require(self.maximum >= 1, f"positions.maximum={self.maximum}: allowed is 1 or more")

    def __call__(
        self, batch: Batch, generator: torch.Generator, *, training: bool
    ) -> Real[Tensor, "#batch time"]:
        """See `Positions`."""
        fits(batch.time, self.maximum)
        counted = torch.arange(batch.time).unsqueeze(0)
        return counted + starts(batch, self.maximum - batch.time, generator) if training else counted

    def largest(self, batch: Batch, *, training: bool) -> int:
        """See `Positions`."""
        return self.maximum - 1 if training else super().largest(batch, training=False)


def fits(needed: int, maximum: int) -> None:
    """Refuse a batch that needs more positions than there are.

    Raises:
        ValueError: `needed` is larger than `maximum`.
    """
    require(
        needed <= maximum, f"positions.maximum={maximum} cannot hold the {needed} positions of this length"
    )
