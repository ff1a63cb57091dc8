"""Random scale and offset of positions (Liu et al. 2024, "E2-LLM: Efficient and Extreme Length Extension")."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Real
from torch import Tensor

from lengen.config.errors import require
from lengen.positions import Positions, starts
from lengen.task import Batch

ANCHORED = 4
"""First tokens, which no offset moves."""


@dataclass(frozen=True)
class E2(Positions):
    """(index + t) / g: in training g and t are random, in a sweep t is 0 and g is given.

    g is uniform over 1 to `scales`, and t over 0 to (g - 1) * window, 0 for the first four tokens. The paper fine-tunes
    a trained model and draws once an iteration; training from scratch and drawing once an example is ours. No code of
    the authors was found.

    Args:
        scales: largest g in training (20 in the paper).
        window: tokens of the longest training example, about.
        factor: g in a sweep: the longest length over the trained one.
    """

    whole: ClassVar[bool] = False
    scales: int = 20
    window: int = 64
    factor: float = 4.0

    def __post_init__(self) -> None:
        for name in ("scales", "window", "factor"):
            require(getattr(self, name) >= 1, f"positions.{name}={getattr(self, name)}: allowed is 1 or more")

    def __call__(
        self, batch: Batch, generator: torch.Generator, *, training: bool
    ) -> Real[Tensor, "#batch time"]:
        """See `Positions`."""
        counted = torch.arange(batch.time).unsqueeze(0)
        if not training:
            return counted / self.factor
        scale = 1 + starts(batch, self.scales - 1, generator)
        offset = starts(batch, (scale - 1) * self.window, generator)
        return (counted + offset * (counted >= ANCHORED)) / scale

    def largest(self, batch: Batch, *, training: bool) -> int:
        """See `Positions`."""
        if not training:
            return math.ceil((batch.time - 1) / self.factor)
        return max(batch.time - 1, math.ceil((batch.time - 1) / self.scales) + self.window)
