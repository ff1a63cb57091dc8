"""Adaptive computation time: how often the stack is applied is learned, token by token (Graves 2016)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor, nn

from lengen.config.errors import require
from lengen.loops import LoopLaw, Passes
from lengen.loops.halting import AdaptiveHalting


@dataclass(frozen=True)
class ACT(LoopLaw):
    """Learns after every loop the probability that a token stops there (Graves 2016; by token as in Dehghani et al. 2019).

    A token takes at most `decoder.loops` loops, in evaluation at most `eval.loops`.

    Args:
        ponder: what a loop of a scored token adds to the loss, in nats (the time penalty tau of the paper).
        threshold: probability from which on a token has stopped (1 - epsilon in the paper).
        bias: initial value of the bias of the probability; the larger, the earlier untrained tokens stop.
    """

    ponder: float = 0.01
    threshold: float = 0.99
    bias: float = -1.0

    def __post_init__(self) -> None:
        require(self.ponder >= 0, f"loops.ponder={self.ponder}: must be at least 0")
        require(0 < self.threshold <= 1, f"loops.threshold={self.threshold}: must be above 0 and at most 1")
        require(abs(self.bias) <= 20, f"loops.bias={self.bias}: must be in [-20, 20]")  # noqa: PLR2004

    def passes(
        self, loops: int, generator: torch.Generator | None = None, steps: Int[Tensor, " batch"] | None = None
    ) -> Passes:
        """See `LoopLaw`; the decoder knows its rule."""
        return Passes(loops)

    def halting(self, dim: int) -> nn.Module:
        """See `LoopLaw`."""
        return AdaptiveHalting(dim, self.threshold, self.bias)

    @property
    def cost(self) -> float:
        """See `LoopLaw`."""
        return self.ponder
