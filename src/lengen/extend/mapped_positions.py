"""Trained position schemes whose positions are mapped to others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Real
from torch import Tensor

from lengen.positions import Positions
from lengen.task import Batch


@dataclass(frozen=True)
class MappedPositions(Positions):
    """Positions of a trained scheme, each mapped to another.

    Args:
        trained: the scheme.
        change: maps positions, one by one.
    """

    trained: Positions
    change: Callable[[Tensor], Tensor]

    @property
    def reads_tokens(self) -> bool:  # type: ignore[override]
        """As trained."""
        return self.trained.reads_tokens

    def __call__(
        self, batch: Batch, generator: torch.Generator, *, training: bool
    ) -> Real[Tensor, "#batch time *streams"]:
        """See `Positions`."""
        return self.change(self.trained(batch, generator, training=training))
