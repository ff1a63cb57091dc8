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
    """Draws all lengths of a batch from one bucket; short buckets early in each cycle, long ones late.

    Buckets are 1, 2 to 3, 4 to 7, …, as in `Bucketed`. This is the paper's Grow-P2: at the start of a cycle a bucket is
    `odds` times as likely as the next longer one. The paper draws each cycle without replacement, which leaves the long
    buckets for the end; here the odds change evenly during the cycle until a bucket is `odds` times as likely as the
    next shorter one. Batches have equal numbers of examples, not of tokens.

    Args:
        maximum: the longest length; `train_length` in the configuration.
        steps: number of training steps.
        cycles: number of times that training goes from short to long.
        odds: ratio of the probabilities of neighbouring buckets at both ends of a cycle; 1 is no curriculum.
        per_batch: number of lengths in one batch.
    """

    ordered: ClassVar[bool] = True
    maximum: int
    steps: int
    cycles: int = 8
    odds: float = 2.0
    per_batch: int = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.cycles >= 1, f"lengths.cycles={self.cycles}: must be at least 1")
        require(self.odds >= 1, f"lengths.odds={self.odds}: must be at least 1")

    @property
    def support(self) -> list[int]:
        """See `Lengths`."""
        return self.upto(self.maximum)

    def weights(self, step: int) -> list[float]:
        """Weights of the buckets at a training step, short buckets first.

        >>> curriculum = Cyclic(maximum=15, steps=100, cycles=2)
        >>> [curriculum.weights(step) for step in (0, 25, 50)]
        [[1.0, 0.5, 0.25, 0.125], [1.0, 1.0, 1.0, 1.0], [1.0, 0.5, 0.25, 0.125]]
        """
        progress = step * self.cycles / self.steps % 1
        return [self.odds ** (index * (2 * progress - 1)) for index in range(len(buckets(self.support)))]

    def draw(self, count: int, step: int, generator: torch.Generator) -> list[int]:
        """See `Lengths`."""
        return from_one(buckets(self.support), self.weights(step), count, generator)
