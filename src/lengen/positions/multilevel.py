"""Position coupling at two levels, significance and number (Cho et al. 2024b)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Real
from torch import Tensor

from lengen.config.errors import require
from lengen.positions.coupled import Coupled
from lengen.task import Batch


@dataclass(frozen=True)
class Multilevel(Coupled):
    """Use the task's places and groups as two positions per token, each shifted by its own random start in training.

    Args:
        maximum: largest position of either level; starts are uniform over all that fit below it in training, and lowest
            in evaluation.
    """

    streams: ClassVar[int] = 2

    def __call__(
        self, batch: Batch, generator: torch.Generator, *, training: bool
    ) -> Real[Tensor, "#batch time *streams"]:
        """See `Positions`."""
        places = super().__call__(batch, generator, training=training)
        require(batch.groups is not None, "positions=multilevel: this task has no groups to couple")
        assert batch.groups is not None
        groups = self.shifted(batch.groups, batch, generator, training=training)
        return torch.stack([places, groups], -1)
