"""Contiguous positions: 0, 1, 2, …, the usual default."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Real
from torch import Tensor

from lengen.positions import Positions
from lengen.task import Batch


@dataclass(frozen=True)
class Contiguous(Positions):
    """Count the tokens from 0."""

    counts: ClassVar[bool] = True
    reads_tokens: ClassVar[bool] = False

    def __call__(
        self, batch: Batch, generator: torch.Generator, *, training: bool
    ) -> Real[Tensor, "#batch time"]:
        """See `Positions`; draws nothing."""
        return torch.arange(batch.time).unsqueeze(0)
