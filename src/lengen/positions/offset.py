"""Contiguous positions from a random start (Kiyono et al. 2021, SHAPE)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Real
from torch import Tensor

from lengen.positions import LimitedPositions, Needs, noise, start
from lengen.task import Batch


@dataclass(frozen=True)
class Offset(LimitedPositions):
    """Count from a start that is drawn per example in training, so that larger positions are trained too.

    Args:
        maximum: number of positions. In training the start is uniform over all that leave room for the prompt and the
            longest answer that it can have; in evaluation it is 0.
    """

    revision: ClassVar[int] = 2
    needs: ClassVar[Needs] = "prompt"
    reads_tokens: ClassVar[bool] = False
    maximum: int = 512

    def __call__(
        self, batch: Batch, generator: torch.Generator, *, training: bool
    ) -> Real[Tensor, "#batch time"]:
        """See `Positions`."""
        extent = batch.extent
        self.check_fit(int(extent.max()))
        indices = torch.arange(batch.time).unsqueeze(0)
        if not training:
            return indices
        shifted = indices + start(noise(batch, 1, generator), self.maximum - extent)
        return shifted.clamp(max=self.maximum - 1)  # padding alone is above it

    def largest(self, batch: Batch, *, training: bool) -> int:
        """See `Positions`."""
        return self.maximum - 1 if training else super().largest(batch, training=False)
