"""Position schemes: which position each token has, independent of how the decoder uses positions (`lengen.pe`).

A scheme is a subclass of `Positions` that is called with a batch and returns integers (or reals) of shape `#batch time`,
or `#batch time streams` if each token has several positions. A single row serves all examples of the batch. Positions are
computed on the CPU, together with the batch.

The position of a token depends on the tokens of its own row up to it, on what is drawn for that row, and on nothing else:
not on later tokens, on the other rows, on the width of the batch, or on room for an answer. So positions are the same in
training and in evaluation, whichever way answers are decoded. Some schemes need more of their row; `Positions.needs` says
what. `noise` draws for every row independently of the others.

A scheme that counts the tokens in steps of two:

    >>> class Even(Positions):
    ...     def __call__(self, batch, generator, *, training):
    ...         return 2 * torch.arange(batch.time).unsqueeze(0)

`lengen.testing.check_positions` tests a scheme against this contract.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from jaxtyping import Float, Int, Real
from torch import Tensor

from lengen.config.errors import require
from lengen.task import Batch

Needs = Literal["tokens", "prompt", "row"]
"""What the position of a token may depend on; see `Positions.needs`."""


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

    needs: ClassVar[Needs] = "tokens"
    """What positions depend on besides what is drawn for their row.

    `tokens`: on the token and those before it. `prompt`: also on the number of tokens of the prompt and of the longest
    answer that the task can have at this length (`Batch.extent`), not on the row's own answer. `row`: on the whole row,
    answer included, in training; in evaluation as `tokens`.
    """

    reads_tokens: ClassVar[bool] = True
    """False if positions do not depend on which tokens a row has, but on where its prompt, answer and padding are; decoding then
    places the rows once, instead of once for every token that it writes."""

    @abstractmethod
    def __call__(
        self, batch: Batch, generator: torch.Generator, *, training: bool
    ) -> Real[Tensor, "#batch time *streams"]:
        """Return the positions of the tokens.

        Positions of padding have no meaning. So have those of tokens after the longest answer that the task can have,
        which only an answer that is wrong already can reach.

        Args:
            batch: what the decoder reads, including bos.
            generator: the only source of randomness; each row gets the same draws, whatever the others are.
            training: False in evaluation, where random starts take their lowest value.

        Raises:
            UsageError: the batch does not fit this scheme.
        """

    def largest(self, batch: Batch, *, training: bool) -> int:
        """Return the largest position of a token of such a batch over all draws, rounded up to an integer.

        With `needs` = `prompt`: of a token up to the end of the longest answer.
        """
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


def noise(batch: Batch, draws: int, generator: torch.Generator) -> Float[Tensor, "batch draws"]:
    """Draw numbers, uniform in [0, 1), for each example; those of a row depend on its index and the generator alone.

    Args:
        batch: the examples.
        draws: numbers for each example, which must not depend on the batch.
        generator: the source of randomness.
    """
    return torch.rand((len(batch), draws), generator=generator, dtype=torch.float64)


def start(drawn: Float[Tensor, "batch 1"], room: int | Tensor) -> Int[Tensor, "batch 1"]:
    """Turn `noise` into a start, uniform over the integers 0 to `room`.

    Args:
        drawn: a number in [0, 1) for each example.
        room: the largest start, for all examples or for each (batch x 1).
    """
    return (drawn * (room + 1)).long()


def within(
    positions: Real[Tensor, "#batch time *streams"], budget: int | None
) -> Real[Tensor, "#batch time *streams"]:
    """Give tokens after the longest answer the last position that an encoding has, if theirs is larger.

    `Positions.largest`, which is checked against the budget before training, does not count these.
    """
    return positions if budget is None else positions.clamp(max=budget - 1)
