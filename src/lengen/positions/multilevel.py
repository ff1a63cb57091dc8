"""Position coupling at two levels, significance and number (Cho et al. 2024b)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Real
from torch import Tensor

from lengen.config.errors import UsageError
from lengen.positions import noise
from lengen.positions.coupled import Coupled
from lengen.task import Batch


@dataclass(frozen=True)
class Multilevel(Coupled):
    """Use the task's places and groups as two positions per token, each shifted by its own random start in training.

    Args:
        maximum: largest position of either level; starts are uniform over all that fit below it in training, and lowest
            in evaluation.
    """

    revision: ClassVar[int] = 2
    streams: ClassVar[int] = 2

    def __call__(
        self, batch: Batch, generator: torch.Generator, *, training: bool
    ) -> Real[Tensor, "#batch time *streams"]:
        """See `Positions`."""
        drawn = noise(batch, 2, generator) if training else None
        levels = []
        for index, (name, level) in enumerate((("places", batch.places), ("groups", batch.groups))):
            if level is None:
                raise UsageError(
                    f"positions=multilevel: this task has no {name} to couple under its options "
                    "(allowed: task=many_addition)"
                )
            levels.append(self.shifted(level, None if drawn is None else drawn[:, index : index + 1]))
        return torch.stack(levels, -1)
