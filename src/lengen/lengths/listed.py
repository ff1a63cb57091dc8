"""Training at a list of lengths; a list of one gives a fixed length."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from lengen.config.errors import require
from lengen.lengths import Lengths, chosen


@dataclass(frozen=True)
class Listed(Lengths):
    """Draws uniformly from a list of lengths.

    Args:
        values: the lengths; a length may be listed more than once.
        per_batch: number of lengths in one batch.
    """

    values: list[int]
    per_batch: int = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        require(
            bool(self.values) and min(self.values) >= 1,
            f"lengths.values={self.values}: must be a list of lengths of at least 1",
        )

    @property
    def support(self) -> list[int]:
        """See `Lengths`."""
        return sorted(set(self.values))

    def draw(self, count: int, step: int, generator: torch.Generator) -> list[int]:
        """See `Lengths`."""
        return chosen(self.values, count, generator)
