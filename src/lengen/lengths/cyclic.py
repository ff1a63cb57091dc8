"""A cyclic curriculum over buckets of lengths (Pouransari et al. 2024)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from lengen.config.errors import require
from lengen.lengths import Lengths
from lengen.lengths.bucketed import buckets, from_one


@dataclass(frozen=True)
class Cyclic(Lengths):
    """All lengths of a batch from one bucket (1, 2 to 3, 4 to 7, …); short buckets at the start of a cycle, long ones at its end.

    The paper's Grow-P2: at first a bucket is `odds` times as likely as the next longer one. It draws each cycle without
    replacement, so that long ones are left for the end; here the odds turn round, evenly, until a bucket is `odds`
    times as likely as the next shorter one. Batches have the same number of examples, not of tokens.

    Args:
        maximum: the longest; `train_length` in the configuration.
        steps: of the training.
        cycles: how often training goes from short to long.
        odds: as above; 1 is no curriculum.
        per_batch: lengths in one batch.
    """

    ordered: ClassVar[bool] = True
    maximum: int
    steps: int
    cycles: int = 8
    odds: float = 2.0
    per_batch: int = 4

    def __post_init__(self) -> None:
        require(self.per_batch >= 1, f"lengths.per_batch={self.per_batch}: must be at least 1")
        require(self.cycles >= 1, f"lengths.cycles={self.cycles}: must be at least 1")
        require(self.odds >= 1, f"lengths.odds={self.odds}: must be at least 1")

    @property
    def support(self) -> list[int]:
        """See `Lengths`."""
        return self.upto(self.maximum)

    def weights(self, step: int) -> list[float]:
        """Weights of the buckets at a step.

        >>> curriculum = Cyclic(maximum=15, steps=100, cycles=2)
        >>> [curriculum.weights(step) for step in (0, 25, 50)]
        [[1.0, 0.5, 0.25, 0.125], [1.0, 1.0, 1.0, 1.0], [1.0, 0.5, 0.25, 0.125]]
        """
        gone = step * self.cycles / self.steps % 1
        return [self.odds ** (index * (2 * gone - 1)) for index in range(len(buckets(self.support)))]

    def draw(self, count: int, step: int, generator: torch.Generator) -> list[int]:
        """See `Lengths`."""
        return from_one(buckets(self.support), self.weights(step), count, generator)
