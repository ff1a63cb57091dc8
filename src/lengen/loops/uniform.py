"""A number of loops that is drawn uniformly at every step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Int
from torch import Tensor

from lengen.config.errors import require
from lengen.loops import LoopLaw, Passes, check_grad_loops


@dataclass(frozen=True)
class Uniform(LoopLaw):
    """Draws the number of loops of a step uniformly from `least` to `most`, as Bansal et al. 2022 draw theirs.

    Args:
        most: the largest number; must be `decoder.loops`, which is that of evaluation.
        least: the smallest number.
        grad_loops: loops, the last ones, through which the loss is propagated back (truncated backpropagation); null for all.
    """

    draws: ClassVar[bool] = True

    most: int
    least: int = 1
    grad_loops: int | None = None

    def __post_init__(self) -> None:
        require(
            1 <= self.least <= self.most,
            f"loops.least={self.least}: must be from 1 to the largest number of loops, {self.most}",
        )
        check_grad_loops(self.grad_loops)

    def passes(
        self, loops: int, generator: torch.Generator | None = None, steps: Int[Tensor, " batch"] | None = None
    ) -> Passes:
        """See `LoopLaw`."""
        drawn = int(torch.randint(self.least, self.most + 1, (), generator=generator))
        return Passes(drawn, 0 if self.grad_loops is None else max(drawn - self.grad_loops, 0))

    def check(self, loops: int) -> None:
        """See `LoopLaw`."""
        require(
            self.most == loops,
            f"loops.most={self.most} with decoder.loops={loops}: both are the largest number of loops in training, and that of "
            f"evaluation; must be equal, as with decoder.loops={self.most} alone (eval.loops={loops} evaluates with others)",
        )

    def kept(self, loops: int, steps: int) -> int:
        """See `LoopLaw`."""
        return self.most if self.grad_loops is None else min(self.most, self.grad_loops)
