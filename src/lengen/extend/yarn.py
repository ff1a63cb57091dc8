"""YaRN (Peng et al. 2023, section 3)."""

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


class YaRN(Stretched, Frequencies):
    """Divide low frequencies by s, leave high ones, blend linearly between; rotations are multiplied by m = 0.1 ln s + 1.

    Pair c is blended by g = 1 - clamp((c - low) / (high - low), 0, 1), where low and high are the pairs that turn `fast` and `slow`
    times within the trained length. Defaults of the source are for 2,000 tokens and more; at the lengths of small decoders only pair 0
    stays as it is.

    Args:
        factor: s, at least 1; None takes the evaluated number of tokens divided by the trained one (dynamic YaRN).
        fast: turns within the trained length from which on a frequency stays (beta_fast).
        slow: turns below which a frequency is divided by s (beta_slow).
        magnitude: factor of ln s in m; 0 leaves rotations as they are.
        low: pair up to which frequencies stay; None computes it from `fast`, rounded down.
        high: pair from which on frequencies are divided; None computes it from `slow`, rounded up.
    """

    def __init__(
        self,
        factor: float | None = None,
        fast: float = 32.0,
        slow: float = 1.0,
        magnitude: float = 0.1,
        low: float | None = None,
        high: float | None = None,
    ) -> None:
        require(factor is None or factor >= 1, f"extend.yarn.factor={factor}: must be null, or at least 1")
        require(
            0 < slow <= fast, f"extend.yarn.slow={slow}: must be above 0 and at most extend.yarn.fast={fast}"
        )
        require(magnitude >= 0, f"extend.yarn.magnitude={magnitude}: must be at least 0")
        require(low is None or low >= 0, f"extend.yarn.low={low}: must be null, or at least 0")
        require(
            high is None or high >= (low or 0),
            f"extend.yarn.high={high}: must be null, or at least extend.yarn.low={low}",
        )
        self.factor, self.fast, self.slow, self.magnitude, self.low, self.high = (
            factor,
            fast,
            slow,
            magnitude,
            low,
            high,
        )

    def frequencies(
        self, trained: Float[Tensor, " pair"], rope: RoPE, sizes: Sizes
    ) -> Float[Tensor, " pair"]:
        """The blend of trained and divided frequencies."""
        low, high = self.band(rope, sizes.trained)
        ramp = ((torch.arange(len(trained), dtype=trained.dtype) - low) / (high - low)).clamp(0, 1)
        return trained * (1 - ramp) + trained / self.stretch(sizes) * ramp

    def factor_on_rotations(self, sizes: Sizes) -> float:
        """M = 0.1 ln s + 1."""
        return self.magnitude * math.log(self.stretch(sizes)) + 1

    def band(self, rope: RoPE, trained: int) -> tuple[float, float]:
        """Return the pairs between which frequencies are blended.

        Args:
            rope: the trained encoding.
            trained: tokens of the longest trained example.
        """
        low = max(math.floor(pair(rope, trained, self.fast)), 0) if self.low is None else self.low
        high = (
            min(math.ceil(pair(rope, trained, self.slow)), rope.channels - 1)
            if self.high is None
            else self.high
        )
        return low, high if high > low else low + 0.001


def pair(rope: RoPE, trained: int, turns: float) -> float:
    """Return the (real) index of the pair that turns so many times within a number of tokens."""
    return rope.channels * math.log(trained / (2 * math.pi * turns)) / (2 * math.log(rope.base))
