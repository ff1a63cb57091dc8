"""Randomized positional encodings (Ruoss et al. 2023, section 3)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Real
from torch import Tensor

from lengen.positions import LimitedPositions
from lengen.sampling import largest
from lengen.task import Batch


@dataclass(frozen=True)
class Randomized(LimitedPositions):
    """Draw as many distinct integers below a maximum as there are tokens, and sort them, in training and evaluation.

    They are drawn per example. Evaluation has a seed of its own; the paper's evaluation is random as well. For every
    encoding distances are differences of these integers (for ALiBi the paper's code draws distances instead).

    Args:
        maximum: upper bound (exclusive) of the positions (2048 in the paper).
    """

    maximum: int = 2048

    def __call__(
        self, batch: Batch, generator: torch.Generator, *, training: bool
    ) -> Real[Tensor, "#batch time"]:
        """See `Positions`."""
        self.check_fit(batch.time)
        draw = torch.rand((len(batch), self.maximum), generator=generator)
        return largest(draw, batch.time).sort(1).values

    def largest(self, batch: Batch, *, training: bool) -> int:
        """See `Positions`."""
        return self.maximum - 1
