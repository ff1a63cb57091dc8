"""Randomized positional encodings (Ruoss et al. 2023, section 3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Real
from torch import Tensor

from lengen.positions import LimitedPositions, Needs
from lengen.sampling import largest
from lengen.task import PAD, Batch


@dataclass(frozen=True)
class Randomized(LimitedPositions):
    """Draw distinct integers below a maximum and sort them, in training and evaluation.

    As many are drawn for each example as its prompt and the longest answer that it can have have tokens; the tokens
    take the first of them. So positions do not reveal how long the example's own answer is. The paper draws as many as
    there are tokens, which is the same where all answers of a length have one size. Tokens after the longest answer
    continue by the mean gap of the row.

    Evaluation has a seed of its own; the paper's evaluation is random as well. For every encoding distances are
    differences of these integers (for ALiBi the paper's code draws distances instead).

    Args:
        maximum: upper bound (exclusive) of the positions (2048 in the paper).
    """

    revision: ClassVar[int] = 2
    needs: ClassVar[Needs] = "prompt"
    reads_tokens: ClassVar[bool] = False
    maximum: int = 2048

    def __call__(
        self, batch: Batch, generator: torch.Generator, *, training: bool
    ) -> Real[Tensor, "#batch time"]:
        """See `Positions`."""
        extent = batch.extent
        longest = int(extent.max())
        self.check_fit(longest)
        draw = torch.rand((len(batch), self.maximum), generator=generator)
        chosen = (
            largest(draw, longest).masked_fill(torch.arange(longest) >= extent, self.maximum).sort(1).values
        )
        first, last = chosen[:, :1], chosen.gather(1, extent - 1)
        gap = ((last - first).double() / (extent - 1).clamp(min=1)).clamp(min=1)
        column = torch.arange(batch.time)
        beyond = last + (gap * (column - extent + 1)).long()
        drawn = chosen.gather(1, column.clamp(max=longest - 1).expand(len(batch), -1))
        positions = torch.where(column < extent, drawn, beyond)
        return torch.where(batch.tokens == PAD, positions.clamp(max=self.maximum - 1), positions)

    def largest(self, batch: Batch, *, training: bool) -> int:
        """See `Positions`."""
        return self.maximum - 1
