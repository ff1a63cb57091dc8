"""Averages of the parameters of several checkpoints of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lengen.config.errors import require


@dataclass(frozen=True)
class Average:
    """Which kept checkpoints are averaged, and with which weights.

    Args:
        last: the number of last ones that are averaged; fewer, if fewer were kept.
        decay: None for equal weights. Else that of an exponential moving average over the kept checkpoints, in [0, 1): at each, the
            average is multiplied by it, and the checkpoint by 1 less it; the first is where it starts.
    """

    last: int = 5
    decay: float | None = None

    def __post_init__(self) -> None:
        require(self.last >= 2, f"average.last={self.last}: must be at least 2")  # noqa: PLR2004
        require(
            self.decay is None or 0 <= self.decay < 1,
            f"average.decay={self.decay}: must be null, or from 0 to below 1",
        )

    def weights(self, count: int) -> list[float]:
        """Return the weight of each of some checkpoints, the earliest first; they sum to 1.

        >>> Average().weights(4), Average(decay=0.5).weights(3)
        ([0.25, 0.25, 0.25, 0.25], [0.25, 0.25, 0.5])
        """
        if self.decay is None:
            return [1 / count] * count
        later = [(1 - self.decay) * self.decay ** (count - 1 - index) for index in range(1, count)]
        return [self.decay ** (count - 1), *later]

    def of(self, states: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
        """Return the average of parameters, summed in float64; what is no floating-point number is that of the last.

        Args:
            states: parameters by name, the earliest first, of the same names and shapes.
        """
        weights = self.weights(len(states))
        return {
            name: sum(
                (
                    weight * state[name].to(torch.float64)
                    for weight, state in zip(weights, states, strict=True)
                ),
                torch.zeros_like(last, dtype=torch.float64),
            ).to(last.dtype)
            if last.is_floating_point()
            else last
            for name, last in states[-1].items()
        }
