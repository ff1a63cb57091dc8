"""Distributions of training lengths: the base class that every option of `lengths` implements."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from copy import copy
from typing import ClassVar

import torch

from lengen.config.errors import require
from lengen.task import Task


def require_longest(maximum: int) -> None:
    """Refuse a longest training length below 1.

    Raises:
        UsageError: it is.
    """
    require(maximum >= 1, f"train_length={maximum}: must be at least 1")


class Lengths(ABC):
    """A distribution over training lengths."""

    revision: ClassVar[int] = 1
    """Raised by any change that alters what the class computes or draws; part of every cell's identity."""

    per_batch: int
    """Number of lengths drawn for one batch; its examples are divided evenly among them."""
    ordered: ClassVar[bool] = False
    """True if it matters which lengths share a batch, or when they are drawn; a fixed training set keeps neither."""
    lacking: frozenset[int] = frozenset()
    """Lengths of the support at which the task has no problems; `upto` skips them."""

    def __post_init__(self) -> None:
        require(self.per_batch >= 1, f"lengths.per_batch={self.per_batch}: must be at least 1")

    def of(self, task: Task) -> Lengths:
        """The same distribution without the lengths at which a task has no problems."""
        missing = (
            length for length in self.support if not all(part.has(length) for part in task.training_tasks())
        )
        limited = copy(self)
        object.__setattr__(limited, "lacking", frozenset(missing))  # a distribution may be a frozen dataclass
        return limited

    def upto(self, maximum: int, minimum: int = 1) -> list[int]:
        """All lengths from `minimum` to `maximum` at which the task has problems.

        Both ends are always included, so that an error can name one that the task lacks.
        """
        return [
            length
            for length in range(minimum, maximum + 1)
            if length in (minimum, maximum) or length not in self.lacking
        ]

    @property
    @abstractmethod
    def support(self) -> list[int]:
        """All lengths that can be drawn, in ascending order."""

    @abstractmethod
    def draw(self, count: int, step: int, generator: torch.Generator) -> list[int]:
        """Draw the lengths of one batch.

        Args:
            count: number of lengths to draw.
            step: the training step, for distributions that change during training.
            generator: the only source of randomness.
        """


def chosen(lengths: Sequence[int], count: int, generator: torch.Generator) -> list[int]:
    """Draw `count` lengths uniformly from a list, with replacement."""
    return [lengths[index] for index in torch.randint(len(lengths), (count,), generator=generator).tolist()]
