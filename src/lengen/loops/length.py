"""As many loops as a problem has steps (Fan et al. 2024)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Int
from torch import Tensor

from lengen.config.errors import require
from lengen.loops import LoopLaw, Passes, check_grad_loops


@dataclass(frozen=True)
class Length(LoopLaw):
    """Applies the stack as often as a problem has steps (`Task.steps`, its length unless the task says otherwise).

    In training and in evaluation, where the number grows with the evaluated length (Fan et al. 2024). Only the last loop of an example
    is supervised. `decoder.loops` sets nothing but the size of the initial weights.

    Args:
        factor: loops of a step, rounded over the steps of a problem.
        plus: further loops.
        grad_loops: loops, the last ones of each example, through which the loss is propagated back; null for all.
    """

    by_length: ClassVar[bool] = True

    factor: float = 1.0
    plus: int = 0
    grad_loops: int | None = None

    def __post_init__(self) -> None:
        require(0 < self.factor <= 100, f"loops.factor={self.factor}: must be above 0 and at most 100")  # noqa: PLR2004
        require(0 <= self.plus <= 1000, f"loops.plus={self.plus}: must be in [0, 1000]")  # noqa: PLR2004
        check_grad_loops(self.grad_loops)

    def passes(
        self, loops: int, generator: torch.Generator | None = None, steps: Int[Tensor, " batch"] | None = None
    ) -> Passes:
        """See `LoopLaw`."""
        assert steps is not None
        return Passes.of_rows((self.factor * steps).round().long().clamp(min=1) + self.plus, self.grad_loops)

    def evaluated(self, loops: int, steps: int) -> int:
        """See `LoopLaw`."""
        return max(round(self.factor * steps), 1) + self.plus
