"""Which position each token has: a function of the batch, orthogonal to how positions enter the decoder.

Positions are integers (or reals) of shape `#batch time`, or `#batch time streams` where a token has several: one row where every example has the same, else one an example.
They are computed on the host, beside the batch. In training some schemes draw at random; every draw is one an example.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Real
from torch import Tensor

from lengen.config.errors import require
from lengen.task import Batch


class Positions(ABC):
    """Assigns positions to the tokens of a batch."""

    revision: ClassVar[int] = 1
    """Goes up in the change that alters what the class computes or draws; a part of every cell's identity."""

    counts: ClassVar[bool] = False
    """True if positions say no more than the order of tokens: 0, 1, 2, …"""
    increasing: ClassVar[bool] = True
    """True if later tokens always have larger positions, as biases over distances need."""
    whole: ClassVar[bool] = True
    """False if positions may lie between integers."""
    streams: ClassVar[int | None] = None
    """How many positions a token has, as a last axis; None for one, and no such axis."""
    aligned: ClassVar[bool] = False
    """True if they say what must be matched with what in this task."""

    @abstractmethod
    def __call__(
        self, batch: Batch, generator: torch.Generator, *, training: bool
    ) -> Real[Tensor, "#batch time *streams"]:
        """Positions of the tokens.

        A position may depend on the tokens up to its own, never on later ones.

        Args:
            batch: what the decoder reads, bos included.
            generator: the only source of chance.
            training: False in a sweep, where random starts are at their lowest.

        Raises:
            UsageError: the batch does not fit these positions.
        """

    def largest(self, batch: Batch, *, training: bool) -> int:
        """The largest position that such a batch can get, whatever is drawn; the next integer where it is none."""
        return int(self(batch, torch.Generator(), training=False).max())


@dataclass(frozen=True)
class LimitedPositions(Positions):
    """Positions up to a maximum, which a batch must fit.

    Args:
        maximum: the number of positions, or the largest of them; at least 1.
    """

    maximum: int

    def __post_init__(self) -> None:
        require(self.maximum >= 1, f"positions.maximum={self.maximum}: allowed is 1 or more")

    def check_fit(self, needed: int) -> None:
        """Refuse a batch that needs more positions than there are.

        Raises:
            UsageError: `needed` is larger than the maximum.
        """
        require(
            needed <= self.maximum,
            f"positions.maximum={self.maximum} cannot hold the {needed} positions of this length",
        )


def starts(batch: Batch, room: int | Tensor, generator: torch.Generator) -> Real[Tensor, "batch 1"]:
    """A uniform random start an example, from 0 to `room` (one for all, or one an example)."""
    return (torch.rand((len(batch), 1), generator=generator, dtype=torch.float64) * (room + 1)).long()
