"""Batches of similar lengths, which need little padding (buckets of Pouransari et al. 2024)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import ClassVar, Literal

import torch

from lengen.lengths import Lengths, chosen


def buckets(lengths: Iterable[int]) -> list[list[int]]:
    """Split ascending lengths into buckets that start at powers of two.

    >>> buckets(range(1, 10))
    [[1], [2, 3], [4, 5, 6, 7], [8, 9]]
    """
    return [list(bucket) for _, bucket in groupby(lengths, int.bit_length)]


def from_one(
    candidates: Sequence[list[int]], weights: Sequence[float], count: int, generator: torch.Generator
) -> list[int]:
    """Draw one bucket by weight, then `count` lengths uniformly from it."""
    bucket = candidates[int(torch.multinomial(torch.tensor(weights), 1, generator=generator))]
    return chosen(bucket, count, generator)


@dataclass(frozen=True)
class Bucketed(Lengths):
    """Draws all lengths of a batch from one bucket: 1, 2 to 3, 4 to 7, 8 to 15, … up to the maximum.

    Args:
        maximum: the longest length; `train_length` in the configuration.
        share: what is divided equally among the buckets: `examples`, or `tokens`, whose number is taken to be
            proportional to length.
        per_batch: number of lengths in one batch.
    """

    ordered: ClassVar[bool] = True
    maximum: int
    share: Literal["examples", "tokens"] = "examples"
    per_batch: int = 4

    @property
    def support(self) -> list[int]:
        """See `Lengths`."""
        return self.upto(self.maximum)

    def draw(self, count: int, step: int, generator: torch.Generator) -> list[int]:
        """See `Lengths`."""
        parts = buckets(self.support)
        sizes = [sum(part) / len(part) for part in parts]
        weights = [1.0 if self.share == "examples" else 1 / size for size in sizes]
        return from_one(parts, weights, count, generator)
