"""The plain format: examples as the task writes them."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from lengen.format import Format
from lengen.task import Batch, Task, Vocabulary


@dataclass(frozen=True)
class Plain(Format):
    """Inserts no tokens."""

    def written(self, batch: Batch, vocabulary: Vocabulary, generator: torch.Generator) -> Batch:
        """Return the batch unchanged."""
        return batch

    def applied(self, task: Task) -> Task:
        """Return the task unchanged."""
        return task
