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
    """As many distinct integers below a maximum as there are tokens, sorted; drawn an example, in sweeps too.

    The sweep draws them from its own seed, as the paper's evaluation is random as well. Distances are differences of
    these integers for every encoding (the paper's code draws distances instead for ALiBi).

    Args:
        maximum: the integers are below it (2048 in the paper).
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
