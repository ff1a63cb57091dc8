"""Training at all lengths of a range, in proportion to the number of sizes that two operands can have."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from lengen.lengths import Lengths


@dataclass(frozen=True)
class SizePairs(Lengths):
    """Draws lengths from 1 to `maximum`, a length n with weight 2n - 1.

    That is the number of pairs of sizes whose larger one is n. With `task.operands=pairs`, all pairs of sizes up to the
    maximum are equally likely, as in the training data of Kazemnejad et al. 2023 for addition.

    Args:
        maximum: the longest length; `train_length` in the configuration.
        per_batch: number of lengths in one batch.
    """

    maximum: int
    per_batch: int = 4

    @property
    def support(self) -> list[int]:
        """See `Lengths`."""
        return self.upto(self.maximum)

    def draw(self, count: int, step: int, generator: torch.Generator) -> list[int]:
        """See `Lengths`."""
        lengths = self.support
        weights = torch.tensor([2.0 * length - 1 for length in lengths])
        drawn = torch.multinomial(weights, count, replacement=True, generator=generator)
        return [lengths[index] for index in drawn.tolist()]
