"""Abacus embeddings: a digit's index in its number (McLeish et al. 2024, section 3.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Real
from torch import Tensor

from lengen.config.errors import require
from lengen.positions import Positions, noise, start
from lengen.task import Batch


@dataclass(frozen=True)
class Abacus(Positions):
    """Count 1, 2, 3, … within each run of digit tokens, 0 elsewhere; training adds a random offset per example.

    Digits should be written least significant first (`task.order=little_endian` for addition). The paper draws one
    offset per batch, this scheme one per example.

    Args:
        offset: largest offset; uniform over 0 to `offset` in training (99 in the paper), 0 in evaluation.
    """

    increasing: ClassVar[bool] = False
    aligned: ClassVar[bool] = True
    offset: int = 99

    def __post_init__(self) -> None:
        require(self.offset >= 0, f"positions.offset={self.offset}: must be at least 0")

    def __call__(
        self, batch: Batch, generator: torch.Generator, *, training: bool
    ) -> Real[Tensor, "#batch time"]:
        """See `Positions`."""
        require(bool(batch.vocabulary.digits.any()), "positions=abacus: this task has no digits to count")
        digit = batch.vocabulary.digits[batch.tokens]
        index = torch.arange(1, batch.time + 1).expand_as(batch.tokens)
        before = torch.where(digit, 0, index).cummax(1).values  # index of the last token that is not a digit
        shift = start(noise(batch, 1, generator), self.offset) if training else 0
        return torch.where(digit, index - before + shift, 0)

    def largest(self, batch: Batch, *, training: bool) -> int:
        """See `Positions`."""
        return super().largest(batch, training=False) + self.offset * training
