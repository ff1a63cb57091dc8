"""Real positions with random steps (the randomised positions of Pal et al. 2023, "Giraffe", section 3)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, Real
from torch import Tensor

from lengen.config.errors import require
from lengen.positions import Needs, Positions
from lengen.task import Batch

SEEDS = 2**62
"""Number of seeds from which that of a row is drawn."""


@dataclass(frozen=True)
class RandomSteps(Positions):
    """In training, steps between neighbouring tokens are uniform in (0, 2]; longer sequences are rescaled to a maximum.

    Evaluation uses 0, 1, 2, … The first token has position 0, and examples are drawn independently; the paper specifies
    neither. What is rescaled is the prompt with the longest answer that it can have, so that positions do not reveal
    the size of the example's own answer. The paper's other proposals, power scaling and a truncated basis, change the
    frequencies of RoPE and are not part of this scheme.

    Args:
        maximum: largest position in training.
    """

    revision: ClassVar[int] = 2
    needs: ClassVar[Needs] = "prompt"
    whole: ClassVar[bool] = False
    reads_tokens: ClassVar[bool] = False
    maximum: float = 512.0

    def __post_init__(self) -> None:
        require(self.maximum > 0, f"positions.maximum={self.maximum}: must be above 0")

    def __call__(
        self, batch: Batch, generator: torch.Generator, *, training: bool
    ) -> Real[Tensor, "#batch time"]:
        """See `Positions`."""
        if not training:
            return torch.arange(batch.time).unsqueeze(0)
        extent = batch.extent
        steps = self._steps(len(batch), max(int(extent.max()), batch.time), generator)
        positions = steps.cumsum(1) - steps[:, :1]
        end = positions.gather(1, extent - 1)
        scaled = positions[:, : batch.time] * (self.maximum / end).clamp(max=1)
        return scaled.clamp(max=self.maximum).float()

    def _steps(self, rows: int, columns: int, generator: torch.Generator) -> Float[Tensor, "rows columns"]:
        """Steps of every row, from a generator of its own: those before a column do not depend on how many there are."""
        seeds = torch.randint(SEEDS, (rows,), generator=generator).tolist()
        own = [torch.Generator().manual_seed(seed) for seed in seeds]
        return 2 * (
            1 - torch.stack([torch.rand(columns, generator=each) for each in own]).double()
        )  # above 0

    def largest(self, batch: Batch, *, training: bool) -> int:
        """See `Positions`."""
        return math.ceil(min(self.maximum, 2.0 * batch.time)) if training else batch.time - 1
