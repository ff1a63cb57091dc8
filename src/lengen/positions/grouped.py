"""Group position encoding: prompt and answer count for themselves (Tong et al. 2025)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Real
from torch import Tensor

from lengen.config.errors import require
from lengen.positions import Positions
from lengen.task import Batch


@dataclass(frozen=True)
class Grouped(Positions):
    """Count the prompt from 0, and the answer anew: its tokens meet those of the prompt at small distances of either sign.

    The paper is about streams, where an answer begins before its prompt has ended, and hides what has not arrived;
    here the whole prompt is read first, under the plain causal mask. It was read through its code alone.

    Args:
        start: position of the answer's first token (`pe_cache_length` in the paper's code).
    """

    increasing: ClassVar[bool] = False
    start: int = 0

    def __post_init__(self) -> None:
        require(self.start >= 0, f"positions.start={self.start}: allowed is 0 or more")

    def __call__(
        self, batch: Batch, generator: torch.Generator, *, training: bool
    ) -> Real[Tensor, "#batch time"]:
        """See `Positions`; draws nothing."""
        counted = torch.arange(batch.time).unsqueeze(0)
        answering = batch.answer.cummax(1).values
        first = batch.answer.int().argmax(1, keepdim=True)
        return torch.where(answering, counted - first + self.start, counted)
