"""A curriculum whose longest length grows during training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from lengen.config.errors import require
from lengen.lengths import Lengths, chosen, require_longest


@dataclass(frozen=True)
class Growing(Lengths):
    """Draws lengths uniformly from 1 to a longest length, which grows to the maximum and then stays there.

    Args:
        maximum: the longest length at the end; `train_length` in the configuration.
        steps: number of training steps.
        start: the longest length at the first step.
        until: fraction of the steps after which the maximum is reached.
        stages: number of values that the longest length takes, start and maximum included; None for every length.
        per_batch: number of lengths in one batch.
    """

    ordered: ClassVar[bool] = True
    maximum: int
    steps: int
    start: int = 2
    until: float = 0.5
    stages: int | None = None
    per_batch: int = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        require_longest(self.maximum)
        require(
            1 <= self.start <= self.maximum,
            f"lengths.start={self.start}: must be from 1 to the longest training length, {self.maximum}",
        )
        require(0 < self.until <= 1, f"lengths.until={self.until}: must be in (0, 1]")
        require(
            self.stages is None or self.stages >= 2,  # noqa: PLR2004
            f"lengths.stages={self.stages}: must be null or at least 2",
        )

    @property
    def support(self) -> list[int]:
        """See `Lengths`."""
        return self.upto(self.maximum)

    def longest(self, step: int) -> int:
        """The longest length at a training step.

        >>> curriculum = Growing(maximum=10, steps=100, start=2, until=0.5, stages=3)
        >>> [curriculum.longest(step) for step in (0, 24, 25, 49, 50, 99)]
        [2, 2, 6, 6, 10, 10]
        """
        span = self.maximum - self.start
        increases = span if self.stages is None else self.stages - 1
        reached = min(int(step / (self.until * self.steps) * increases), increases)
        return self.start + round(span * reached / max(increases, 1))

    def draw(self, count: int, step: int, generator: torch.Generator) -> list[int]:
        """See `Lengths`."""
        longest = self.longest(step)
        return chosen([length for length in self.support if length <= longest], count, generator)
