"""Formats: tokens inserted between those of an example, for any task.

A format adds tokens and leaves those of the task as they are. What changes the tokens themselves, such as reversed or
zero-padded numbers, is an option of the tasks that have numbers (`task.order` and `task.pad` of addition).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar

import torch
from jaxtyping import Int
from torch import Tensor

from lengen.task import Batch, Task, Vocabulary
from lengen.task.chance import Chance


class Format(ABC):
    """Base class of formats, which apply to the examples of any task."""

    revision: ClassVar[int] = 1
    """Raised by any change that alters what the class computes or draws; part of every cell's identity."""

    @property
    def symbols(self) -> tuple[str, ...]:
        """Symbols that the format adds to a task's alphabet, unless they are there already."""
        return ()

    @property
    def aligned(self) -> bool:
        """Whether the format marks which tokens must be matched with each other."""
        return False

    @abstractmethod
    def written(self, batch: Batch, vocabulary: Vocabulary, generator: torch.Generator) -> Batch:
        """Write a batch in this format.

        Args:
            batch: examples as drawn by the task.
            vocabulary: the vocabulary of the task, followed by the symbols of this format.
            generator: the only source of randomness.

        Raises:
            LengthUnavailable: the format cannot be applied to these examples.
        """

    def longest_answer(self, longest: Int[Tensor, "*batch"]) -> Int[Tensor, "*batch"] | None:
        """Return the size of the longest answer in this format, given that of the task; None if draws must show it."""
        return None

    @property
    def adds_constants(self) -> bool:
        """Whether what the format adds to an answer is known from the length of the problem."""
        return False

    def applied(self, task: Task) -> Task:
        """Wrap a task so that its examples are written in this format."""
        return Formatted(task, self)


@dataclass(frozen=True)
class Formatted(Task):
    """A task written in a format. Length: that of the task.

    Args:
        task: the task that draws the examples.
        format: the format in which they are written.
    """

    task: Task
    format: Format

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The vocabulary of the task, followed by the symbols of the format; the ids of the task do not change."""
        return Vocabulary(tuple(dict.fromkeys((*self.task.vocabulary.symbols, *self.format.symbols))))

    def sample(self, length: int, count: int, generator: torch.Generator) -> Batch:
        """Draw examples of the task, then apply the format; see `Task.sample`."""
        batch = self.task.sample(length, count, generator)
        longest = None if batch.longest_answer is None else self.format.longest_answer(batch.longest_answer)
        return replace(self.format.written(batch, self.vocabulary, generator), longest_answer=longest)

    def longest_answer(self, length: int) -> int:
        """See `Task`."""
        longest = self.format.longest_answer(torch.tensor(self.task.longest_answer(length)))
        return super().longest_answer(length) if longest is None else int(longest)

    def chance(self, length: int) -> Chance:
        """See `Task`."""
        chance = super().chance(length)
        exact = self.task.chance(length).exact_match if self.format.adds_constants else chance.exact_match
        return Chance(exact, chance.token_accuracy)

    def evaluation_task(self) -> Task:
        """The evaluation task of the task, in the same format."""
        return replace(self, task=self.task.evaluation_task())

    def training_tasks(self) -> tuple[Task, ...]:
        """The training tasks of the task, in the same format."""
        return tuple(replace(self, task=part) for part in self.task.training_tasks())

    @property
    def aligned(self) -> bool:
        """Whether the task or the format is aligned."""
        return self.task.aligned or self.format.aligned

    def steps(self, length: int) -> int:
        """See `Task.steps`; the format does not change it."""
        return self.task.steps(length)

    def longest(self, length: int) -> int:
        """See `Task.longest`; the format does not change it."""
        return self.task.longest(length)

    def stress_sets(self) -> Mapping[str, Task]:
        """The stress sets of the task, in the same format."""
        return {name: replace(self, task=task) for name, task in self.task.stress_sets().items()}
