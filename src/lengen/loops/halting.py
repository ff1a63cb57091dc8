"""Rules that stop a token before others: convergence of its residual stream, and a learned probability."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import nn

from lengen.block.inputs import wide
from lengen.loops import Halting, Progress, Stream


@dataclass(frozen=True)
class Convergence(Halting):
    """Stops a token when a loop changes its residual stream little: |after - before| <= tolerance * |after|, in Euclidean norms.

    Of evaluation alone; nothing is learned.

    Args:
        tolerance: the largest relative change at which a token stops.
    """

    tolerance: float

    def step(self, progress: Progress, after: Stream, loop: int, *, last: bool) -> Progress:
        """See `Halting`."""
        now = wide(after)
        moves = (now - wide(progress.x)).norm(dim=-1) > self.tolerance * now.norm(dim=-1)
        return replace(progress.gone_on(after), running=progress.running & moves)


class AdaptiveHalting(nn.Module, Halting):
    """Adaptive computation time (Graves 2016, section 2), by token as in Dehghani et al. 2019.

    After every loop, p = sigmoid(w . norm(h) + b) is the probability to stop there. A token stops at the first loop at which these add
    up to at least `threshold`, or at the last one; that loop has the rest of the probability, the remainder. Logits are read from the
    mean of the residual streams of its loops, weighted by these probabilities. A token costs its loops plus the remainder, of
    which the remainder has a gradient (Graves 2016, equations 6 to 13).

    Args:
        dim: width of the residual stream.
        threshold: 1 - epsilon in the paper.
        bias: initial value of b.
    """

    def __init__(self, dim: int, threshold: float, bias: float) -> None:
        super().__init__()
        self.threshold = threshold
        self.norm = nn.RMSNorm(dim)
        self.probability = nn.Linear(dim, 1)
        nn.init.zeros_(self.probability.weight)
        nn.init.constant_(self.probability.bias, bias)

    def step(self, progress: Progress, after: Stream, loop: int, *, last: bool) -> Progress:
        """See `Halting`."""
        chance = torch.sigmoid(wide(self.probability(self.norm(after)).squeeze(-1)))
        running = progress.running
        stops = running & ((progress.mass + chance >= self.threshold) | last)
        rest = 1 - progress.mass
        weight = torch.where(stops, rest, chance) * running
        moved = progress.gone_on(after)
        return replace(
            moved,
            result=progress.result + weight.unsqueeze(-1).to(after.dtype) * after,
            running=running & ~stops,
            mass=progress.mass + chance * running,
            ponder=progress.ponder + running + torch.where(stops, rest, torch.zeros_like(rest)),
        )
