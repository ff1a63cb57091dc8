"""Position schemes: which position each token has, independent of how the decoder uses positions (`lengen.pe`).

A scheme is a subclass of `Positions` that is called with a batch and returns integers (or reals) of shape `#batch time`,
or `#batch time streams` if each token has several positions. A single row serves all examples of the batch. Positions are
computed on the CPU, together with the batch. In training some schemes draw at random, independently for each example.

A scheme that counts the tokens in steps of two:

    >>> class Even(Positions):
    ...     def __call__(self, batch, generator, *, training):
    ...         return 2 * torch.arange(batch.time).unsqueeze(0)

`lengen.testing.check_positions` tests a scheme against this contract.
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
    """Raised by every change to what the class computes or draws; part of a cell's identity."""

    counts: ClassVar[bool] = False
    """True if positions are the indices of the tokens, 0, 1, 2, …, and contain no other information."""
    increasing: ClassVar[bool] = True
    """True if later tokens always have larger positions, as biases of distances require."""
    whole: ClassVar[bool] = True
    """False if positions may be other than integers."""
    streams: ClassVar[int | None] = None
    """Number of positions per token, as the last axis; None for one position and no such axis."""
    aligned: ClassVar[bool] = False
    """True if positions tell which tokens of the task must be matched; this is a kind of supervision."""

    @abstractmethod
    def __call__(
        self, batch: Batch, generator: torch.Generator, *, training: bool
    ) -> Real[Tensor, "#batch time *streams"]:
        """Return the positions of the tokens.

        The position of a token may depend on tokens up to and including it, never on later ones.

        Args:
            batch: what the decoder reads, including bos.
            generator: the only source of randomness.
            training: False in evaluation, where random starts take their lowest value.

        Raises:
            UsageError: the batch does not fit this scheme.
        """

    def largest(self, batch: Batch, *, training: bool) -> int:
        """Return the largest position that such a batch can get over all draws, rounded up to an integer."""
        return int(self(batch, torch.Generator(), training=False).max())


@dataclass(frozen=True)
class LimitedPositions(Positions):
    """Base class of schemes with a maximum, which a batch must fit.

    Args:
        maximum: the number of positions, or the largest position; at least 1.
    """

    maximum: int

    def __post_init__(self) -> None:
        require(self.maximum >= 1, f"positions.maximum={self.maximum}: must be at least 1")

    def check_fit(self, needed: int) -> None:
        """Check that a batch does not need more positions than the maximum.

        Raises:
            UsageError: `needed` is larger than the maximum.
        """
        require(
            needed <= self.maximum,
            f"positions.maximum={self.maximum} cannot hold the {needed} positions of this length",
        )


def starts(batch: Batch, room: int | Tensor, generator: torch.Generator) -> Real[Tensor, "batch 1"]:
    """Draw a start for each example, uniform over the integers 0 to `room`.

    Args:
        batch: the examples.
        room: the largest start, for all examples or for each (batch x 1).
        generator: the source of randomness.
    """
    return (torch.rand((len(batch), 1), generator=generator, dtype=torch.float64) * (room + 1)).long()
