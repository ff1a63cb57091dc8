"""How parameters move: the contract of an optimizer, and the schedule that all share."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from torch import nn, optim

from lengen.config.errors import require


@dataclass(frozen=True)
class Schedule:
    """Linear warm-up, then a cosine down to a share of the peak.

    Args:
        warmup: steps of warm-up.
        final: where the cosine ends, as a share of the peak.
    """

    warmup: int = 100
    final: float = 0.02

    def __post_init__(self) -> None:
        require(self.warmup >= 0, f"optimizer.schedule.warmup={self.warmup}: allowed is 0 or more")
        require(0 <= self.final <= 1, f"optimizer.schedule.final={self.final}: allowed is 0 to 1")

    def factor(self, step: int, steps: int) -> float:
        """Share of the peak learning rate at a step (from 0) of a run of `steps`."""
        if step < self.warmup:
            return (step + 1) / self.warmup
        done = (step - self.warmup) / max(steps - self.warmup, 1)
        return self.final + (1 - self.final) * 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))


class OptimizerRule(ABC):
    """Settings that make a torch optimizer for a decoder."""

    revision: ClassVar[int] = 1
    """Goes up in the change that alters what the class computes or draws; a part of every cell's identity."""

    schedule: Schedule

    @abstractmethod
    def make(self, decoder: nn.Module) -> optim.Optimizer:
        """The optimizer, with every learning rate at its peak."""


def split(decoder: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """The matrices inside the blocks, which decay, and everything else, which does not.

    Embeddings and position tables stay out of decay: it would pull rows that training never visits to zero and change
    extrapolation unseen. So does what an attention rule learns, in the blocks though it stands.
    """
    named = [(name, weight) for name, weight in decoder.named_parameters() if weight.requires_grad]
    matrix = [
        weight
        for name, weight in named
        if name.startswith("blocks.") and ".rule." not in name and weight.ndim == 2  # noqa: PLR2004
    ]
    chosen = {id(weight) for weight in matrix}
    return matrix, [weight for _, weight in named if id(weight) not in chosen]
