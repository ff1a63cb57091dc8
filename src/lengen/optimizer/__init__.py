"""Optimizers and the learning-rate schedule that they share.

An option is a dataclass that subclasses `OptimizerRule`: its fields are the settings, and `make` builds a torch optimizer
for the decoder. `split` gives the parameters with and without weight decay. The schedule multiplies all learning rates.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from torch import nn, optim

from lengen.config.errors import require


@dataclass(frozen=True)
class Schedule:
    """Linear warm-up, then cosine decay to a fraction of the peak learning rate.

    Args:
        warmup: number of warm-up steps.
        final: learning rate at the end, as a fraction of the peak.
    """

    warmup: int = 100
    final: float = 0.02

    def __post_init__(self) -> None:
        require(self.warmup >= 0, f"optimizer.schedule.warmup={self.warmup}: must be at least 0")
        require(0 <= self.final <= 1, f"optimizer.schedule.final={self.final}: must be in [0, 1]")

    def factor(self, step: int, steps: int) -> float:
        """Learning rate at a step (from 0) of a run of `steps`, as a fraction of the peak."""
        if step < self.warmup:
            return (step + 1) / self.warmup
        done = (step - self.warmup) / max(steps - self.warmup, 1)
        return self.final + (1 - self.final) * 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))


class OptimizerRule(ABC):
    """Base class of optimizer options."""

    revision: ClassVar[int] = 1
    """Raised by every change to what the class computes or draws; part of a cell's identity."""

    whole: ClassVar[bool] = False
    """Whether an update needs whole matrices, which `trainer.strategy=fsdp` divides over devices."""

    schedule: Schedule

    @abstractmethod
    def make(self, decoder: nn.Module) -> optim.Optimizer:
        """Build the optimizer, with every learning rate at its peak."""


def split(decoder: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Split the trainable parameters into matrices of the blocks, those of an encoder included (with weight decay), and all others (without).

    Embeddings and position tables have no weight decay: it would pull rows that training never visits towards zero, and
    so change extrapolation. Parameters of attention rules have none either, although they are inside the blocks; of mixers
    other than attention only the weights of linear layers are matrices: not recurrent weights, decays and kernels.
    """
    linear = {id(module.weight) for module in decoder.modules() if isinstance(module, nn.Linear)}
    named = [(name, weight) for name, weight in decoder.named_parameters() if weight.requires_grad]
    matrices = [
        weight
        for name, weight in named
        if name.startswith(("blocks.", "encoder."))
        and ".rule." not in name
        and weight.ndim == 2  # noqa: PLR2004
        and (".mixer." not in name or id(weight) in linear)
    ]
    with_decay = {id(weight) for weight in matrices}
    return matrices, [weight for _, weight in named if id(weight) not in with_decay]
