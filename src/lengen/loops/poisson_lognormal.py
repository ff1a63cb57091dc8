"""A number of loops that is drawn from a Poisson law with a log-normal rate at every step (Geiping et al. 2025)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Int
from torch import Tensor

from lengen.config.errors import require
from lengen.loops import LoopLaw, Passes, check_grad_loops


@dataclass(frozen=True)
class PoissonLogNormal(LoopLaw):
    """Draws the number of loops of a step: mostly below the mean, sometimes far above (Geiping et al. 2025, section 3.3).

    log(rate) ~ N(log(mean) - sigma^2 / 2, sigma), loops ~ Poisson(rate) + 1, so that the mean of loops is `mean` + 1.

    Args:
        mean: mean of the rate; must be less than 1 from `decoder.loops`, which is the number of loops of evaluation.
        sigma: standard deviation of the logarithm of the rate.
        grad_loops: loops, the last ones, through which the loss is propagated back (8 in Geiping et al. 2025); null for all.
    """

    draws: ClassVar[bool] = True

    mean: float
    sigma: float = 0.5
    grad_loops: int | None = None

    def __post_init__(self) -> None:
        require(0 < self.mean <= 1e4, f"loops.mean={self.mean}: must be above 0 and at most 10000")  # noqa: PLR2004
        require(0 <= self.sigma <= 2, f"loops.sigma={self.sigma}: must be in [0, 2]")  # noqa: PLR2004
        check_grad_loops(self.grad_loops)

    def passes(
        self, loops: int, generator: torch.Generator | None = None, steps: Int[Tensor, " batch"] | None = None
    ) -> Passes:
        """See `LoopLaw`."""
        normal = torch.randn((), generator=generator, dtype=torch.float64)
        rate = torch.exp(normal * self.sigma + math.log(self.mean) - self.sigma**2 / 2)
        drawn = int(torch.poisson(rate, generator=generator)) + 1
        return Passes(drawn, 0 if self.grad_loops is None else max(drawn - self.grad_loops, 0))

    def check(self, loops: int) -> None:
        """See `LoopLaw`."""
        require(
            abs(self.mean - loops) < 1,
            f"loops.mean={self.mean:g} with decoder.loops={loops}: training is around the number of loops of evaluation; must be less than 1 "
            f"apart, as with decoder.loops={round(self.mean)} alone (eval.loops={loops} evaluates with others)",
        )
