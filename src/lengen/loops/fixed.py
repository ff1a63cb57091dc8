"""The same number of loops in every step: `decoder.loops`."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from lengen.loops import LoopLaw, Passes, check_grad_loops


@dataclass(frozen=True)
class Fixed(LoopLaw):
    """Applies the stack `decoder.loops` times.

    Args:
        grad_loops: loops, the last ones, through which the loss is propagated back (truncated backpropagation); null for all.
    """

    grad_loops: int | None = None

    def __post_init__(self) -> None:
        check_grad_loops(self.grad_loops)

    def passes(
        self, loops: int, generator: torch.Generator | None = None, steps: Int[Tensor, " batch"] | None = None
    ) -> Passes | None:
        """See `LoopLaw`."""
        return None if self.grad_loops is None else Passes(loops, max(loops - self.grad_loops, 0))
