"""Training at all lengths of a range, equally likely."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from lengen.config.errors import require
from lengen.lengths import Lengths, chosen, require_longest


@dataclass(frozen=True)
class Uniform(Lengths):
    """Draws lengths uniformly from `minimum` to `maximum`.

    Args:
        maximum: the longest length; `train_length` in the configuration.
        minimum: the shortest length.
        per_batch: number of lengths in one batch.
    """

    maximum: int
    minimum: int = 1
    per_batch: int = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        require_longest(self.maximum)
        require(
            1 <= self.minimum <= self.maximum,
            f"lengths.minimum={self.minimum}: must be from 1 to the longest training length, {self.maximum}",
        )

    @property
    def support(self) -> list[int]:
        """See `Lengths`."""
        return self.upto(self.maximum, self.minimum)

    def draw(self, count: int, step: int, generator: torch.Generator) -> list[int]:
        """See `Lengths`."""
        return chosen(self.support, count, generator)
