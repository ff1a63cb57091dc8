"""Random scale and offset of positions (Liu et al. 2024, "E2-LLM: Efficient and Extreme Length Extension")."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Real
from torch import Tensor

from lengen.config.errors import require
from lengen.positions import Positions, noise, start
from lengen.task import Batch

ANCHORED = 4
"""Number of first tokens that get no offset."""


@dataclass(frozen=True)
class E2(Positions):
    """Positions (index + t) / g, with random g and t in training; in evaluation t is 0 and g is given.

    g is uniform over 1 to `scales`, t over 0 to (g - 1) * window (0 for the first four tokens). The paper fine-tunes a
    trained model and draws once per iteration; training from scratch and drawing once per example are ours. No code by
    the authors was found.

    Args:
        scales: largest g in training (20 in the paper).
        window: approximate number of tokens of the longest training example.
        factor: g in evaluation, the longest evaluated length divided by the trained one.
    """

    revision: ClassVar[int] = 2
    whole: ClassVar[bool] = False
    reads_tokens: ClassVar[bool] = False
    scales: int = 20
    window: int = 64
    factor: float = 4.0

    def __post_init__(self) -> None:
        for name in ("scales", "window", "factor"):
            require(getattr(self, name) >= 1, f"positions.{name}={getattr(self, name)}: must be at least 1")

    def __call__(
        self, batch: Batch, generator: torch.Generator, *, training: bool
    ) -> Real[Tensor, "#batch time"]:
        """See `Positions`."""
        indices = torch.arange(batch.time).unsqueeze(0)
        if not training:
            return indices / self.factor
        drawn = noise(batch, 2, generator)
        scale = 1 + start(drawn[:, :1], self.scales - 1)
        offset = start(drawn[:, 1:], (scale - 1) * self.window)
        return (indices + offset * (indices >= ANCHORED)) / scale

    def largest(self, batch: Batch, *, training: bool) -> int:
        """See `Positions`."""
        if not training:
            return math.ceil((batch.time - 1) / self.factor)
        return max(batch.time - 1, math.ceil((batch.time - 1) / self.scales) + self.window)
