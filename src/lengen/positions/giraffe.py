"""Randomised real positions (Pal et al. 2023, "Giraffe: Adventures in Expanding Context Lengths")."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Real
from torch import Tensor

from lengen.config.errors import require
from lengen.positions import Positions
from lengen.task import PAD, Batch


@dataclass(frozen=True)
class Giraffe(Positions):
    """In training, steps between neighbouring tokens are uniform in (0, 2]; longer sequences are rescaled to a maximum.

    Evaluation uses 0, 1, 2, … The first token has position 0, and examples are drawn independently; the paper specifies
    neither.

    Args:
        maximum: largest position in training.
    """

    whole: ClassVar[bool] = False
    maximum: float = 512.0

    def __post_init__(self) -> None:
        require(self.maximum > 0, f"positions.maximum={self.maximum}: must be above 0")

    def __call__(
        self, batch: Batch, generator: torch.Generator, *, training: bool
    ) -> Real[Tensor, "#batch time"]:
        """See `Positions`."""
        if not training:
            return torch.arange(batch.time).unsqueeze(0)
        steps = 2 * (1 - torch.rand((len(batch), batch.time), generator=generator))  # above 0
        positions = (steps.cumsum(1) - steps[:, :1]).double()
        end = positions.gather(1, (batch.tokens != PAD).sum(1, keepdim=True) - 1)
        return (positions * (self.maximum / end).clamp(max=1)).clamp(max=self.maximum).float()

    def largest(self, batch: Batch, *, training: bool) -> int:
        """See `Positions`."""
        return math.ceil(min(self.maximum, 2.0 * batch.time)) if training else batch.time - 1
