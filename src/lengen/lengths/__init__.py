"""Which lengths a training batch has: the contract of a length distribution."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from copy import copy
from typing import ClassVar

import torch

from lengen.task import Task


class Lengths(ABC):
    """A distribution over training lengths."""

    revision: ClassVar[int] = 1
    """Goes up in the change that alters what the class computes or draws; a part of every cell's identity."""

    per_batch: int
    """How many lengths are drawn for one batch; its examples are shared out evenly among them."""
    ordered: ClassVar[bool] = False
    """True if it matters which lengths come together, or when: a fixed training set knows nothing of that."""
    lacking: frozenset[int] = frozenset()
    """Lengths of the support that the task does not have: a range of lengths leaves them out between its ends."""

    def of(self, task: Task) -> Lengths:
        """The same for a task, which may lack some lengths."""
        lacking = (
            length for length in self.support if not all(part.has(length) for part in task.training_tasks())
        )
        limited = copy(self)
        object.__setattr__(limited, "lacking", frozenset(lacking))  # a distribution may be a frozen dataclass
        return limited

    def upto(self, maximum: int, minimum: int = 1) -> list[int]:
        """All lengths up to a longest one but those that the task lacks; both ends stay, to be refused by name."""
        return [
            length
            for length in range(minimum, maximum + 1)
            if length in (minimum, maximum) or length not in self.lacking
        ]

    @property
    @abstractmethod
    def support(self) -> list[int]:
        """Every length that can be drawn, ascending."""

    @abstractmethod
    def draw(self, count: int, step: int, generator: torch.Generator) -> list[int]:
        """Draw the lengths of one batch.

        Args:
            count: how many.
            step: the training step, for distributions that move.
            generator: the only source of chance.
        """


def chosen(lengths: Sequence[int], count: int, generator: torch.Generator) -> list[int]:
    """Some of these lengths, all equally likely."""
    return [lengths[index] for index in torch.randint(len(lengths), (count,), generator=generator).tolist()]
