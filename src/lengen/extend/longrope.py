"""A factor for every frequency (LongRoPE; Ding et al. 2024), by default at the critical pair (LongRoPE2; Shang et al. 2025)."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from lengen.config.errors import require
from lengen.extend import Sizes
from lengen.extend.frequencies import Frequencies
from lengen.extend.stretched import Stretched
from lengen.pe.rope import RoPE


class LongRoPE(Stretched, Frequencies):
    """theta_c / lambda_c with factors that do not decrease, and rotations times sqrt(1 + ln s / ln L).

    The sources search the factors on longer strings. By default none is searched here: pairs that complete no turn within the
    trained length (from the critical pair on) are divided by s, the others are those of the base at which the critical pair is
    divided by s. Given factors make it a selection on whatever they were found on.

    Args:
        factor: s, at least 1; None takes the evaluated number of tokens divided by the trained one.
        factors: lambda of every pair, each at least 1 and none below the one before; None computes them.
        magnitude: whether rotations are multiplied, as the source does.
    """

    def __init__(
        self, factor: float | None = None, factors: list[float] | None = None, magnitude: bool = True
    ) -> None:
        require(
            factor is None or factor >= 1, f"extend.longrope.factor={factor}: must be null, or at least 1"
        )
        require(
            factors is None or (bool(factors) and factors[0] >= 1 and factors == sorted(factors)),
            f"extend.longrope.factors={factors}: must be null, or numbers from 1 that do not decrease",
        )
        self.factor, self.factors, self.magnitude = factor, factors, magnitude

    def frequencies(
        self, trained: Float[Tensor, " pair"], rope: RoPE, sizes: Sizes
    ) -> Float[Tensor, " pair"]:
        """Every frequency divided by its factor."""
        if self.factors is not None:
            require(
                len(self.factors) == len(trained),
                f"extend.longrope.factors: has {len(self.factors)} numbers, the decoder {len(trained)} pairs",
            )
            return trained / torch.tensor(self.factors, dtype=trained.dtype)
        scale = self.stretch(sizes)
        critical = int((trained * sizes.trained >= 2 * math.pi).sum())  # pairs before it complete a turn
        pairs = torch.arange(len(trained), dtype=trained.dtype)
        return trained / scale ** (pairs / critical).clamp(max=1) if critical else trained / scale

    def factor_on_rotations(self, sizes: Sizes) -> float:
        """sqrt(1 + ln s / ln L)."""
        scale = self.stretch(sizes)
        return math.sqrt(1 + math.log(scale) / math.log(max(sizes.trained, 2))) if self.magnitude else 1.0

    def changes_nothing(self, sizes: Sizes) -> bool:
        """With a factor of 1, unless factors are given."""
        return self.factors is None and super().changes_nothing(sizes)
