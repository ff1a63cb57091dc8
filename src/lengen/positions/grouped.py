"""Group position encoding: prompt and answer are counted separately (Tong et al. 2025)."""

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
    """Count the prompt from 0, and the answer again from `start`, so that distances between them are small, of either sign.

    The paper is about streaming, where the answer begins before the prompt has ended, and masks what has not arrived yet;
    here the whole prompt is read first, under the usual causal mask. The scheme follows the paper's code; its text was
    not consulted.

    Args:
        start: position of the first answer token (`pe_cache_length` in the paper's code).
    """

    increasing: ClassVar[bool] = False
    reads_tokens: ClassVar[bool] = False
    start: int = 0

    def __post_init__(self) -> None:
        require(self.start >= 0, f"positions.start={self.start}: must be at least 0")

    def __call__(
        self, batch: Batch, generator: torch.Generator, *, training: bool
    ) -> Real[Tensor, "#batch time"]:
        """See `Positions`; draws nothing."""
        indices = torch.arange(batch.time).unsqueeze(0)
        in_answer = batch.answer.cummax(1).values
        first = batch.answer.int().argmax(1, keepdim=True)
        return torch.where(in_answer, indices - first + self.start, indices)
