"""How a problem is written down, whatever the task: tokens put between those of its examples.

A format changes how tokens stand on the page, not which they are. What changes what is written, such as reversed or
zero-padded numbers, stays an option of the tasks that have numbers (`task.order`, `task.pad` of addition).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar

import torch

from lengen.task import Batch, Task, Vocabulary


class Format(ABC):
    """A way to write the examples of any task."""

    revision: ClassVar[int] = 1
    """Goes up in the change that alters what the class computes or draws; a part of every cell's identity."""

    @property
    def symbols(self) -> tuple[str, ...]:
        """What is added behind a task's alphabet, where it is not there already."""
        return ()

    @property
    def aligned(self) -> bool:
        """Whether it says what must be matched with what."""
        return False

    @abstractmethod
    def written(self, batch: Batch, vocabulary: Vocabulary, generator: torch.Generator) -> Batch:
        """The same problems in this format.

        Args:
            batch: as the task draws it.
            vocabulary: of the task, and the symbols of this format behind it.
            generator: the only source of chance.

        Raises:
            LengthUnavailable: this format means nothing for such examples.
        """

    def applied(self, task: Task) -> Task:
        """The task in this format."""
        return Formatted(task, self)


@dataclass(frozen=True)
class Formatted(Task):
    """A task whose examples are written in a format; length is the task's own.

    Args:
        task: what is asked.
        format: how it is written.
    """

    task: Task
    format: Format

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The task's, with the symbols of the format behind: no id of the task changes."""
        return Vocabulary(tuple(dict.fromkeys((*self.task.vocabulary.symbols, *self.format.symbols))))

    def sample(self, length: int, count: int, generator: torch.Generator) -> Batch:
        """Draw problems, then write them; see `Task.sample`."""
        batch = self.task.sample(length, count, generator)
        return self.format.written(batch, self.vocabulary, generator)

    def evaluation_task(self) -> Task:
        """What a sweep asks of the task, in the same format."""
        return replace(self, task=self.task.evaluation_task())

    def training_tasks(self) -> tuple[Task, ...]:
        """The parts of the task, in the same format."""
        return tuple(replace(self, task=part) for part in self.task.training_tasks())

    @property
    def aligned(self) -> bool:
        """Whether the task or the format is so."""
        return self.task.aligned or self.format.aligned

    def longest(self, length: int) -> int:
        """That of the task."""
        return self.task.longest(length)

    def stress_sets(self) -> Mapping[str, Task]:
        """The hard cases of the task, in the same format."""
        return {name: replace(self, task=hard) for name, hard in self.task.stress_sets().items()}
