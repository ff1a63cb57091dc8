"""Selective copying: write the symbols between blanks (Gu and Dao 2023, Mamba, section 4.1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import torch
from jaxtyping import Int
from torch import Tensor

from lengen.config.errors import require
from lengen.sampling import orders
from lengen.task import SEP, SPECIAL, Batch, Span, Task, Vocabulary, assemble, letters
from lengen.task.chance import Chance, independent


@dataclass(frozen=True)
class SelectiveCopy(Task):
    """Copy the symbols and skip the blanks. Length: symbols and blanks in the prompt.

    >>> print(SelectiveCopy(symbols=3).show(length=8, count=2))
    ..imk...# -> imk⏎
    ....bgh.# -> bgh⏎

    Args:
        alphabet: number of different symbols.
        symbols: number of symbols to copy, at every length; a smaller length has no blanks.
        spacing: positions of the symbols: `uniform`, or `early`, before all blanks (the copy task for recurrent networks).
    """

    alphabet: int = 16
    symbols: int = 8
    spacing: Literal["uniform", "early"] = "uniform"

    def __post_init__(self) -> None:
        for name in ("alphabet", "symbols"):
            require(getattr(self, name) >= 1, f"task.{name}={getattr(self, name)}: must be at least 1")

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The alphabet and the blank."""
        return Vocabulary((*letters(self.alphabet), "."))

    def stress_sets(self) -> Mapping[str, Task]:
        """All symbols at the beginning, as far from the answer as possible."""
        return {"early": replace(self, spacing="early")}

    def longest_answer(self, length: int) -> int:
        """See `Task`."""
        return min(self.symbols, length) + 1

    def chance(self, length: int) -> Chance:
        """See `Task`."""
        return independent([1 / self.alphabet] * min(self.symbols, length))

    def sample(self, length: int, count: int, generator: torch.Generator) -> Batch:
        """Draw symbols and their positions; see `Task.sample`."""
        columns = self._columns(length, count, generator)
        items = torch.randint(self.alphabet, columns.shape, generator=generator) + len(SPECIAL)
        places = torch.arange(2, columns.shape[1] + 2).expand(count, -1)
        read = torch.full((count, length), self.vocabulary["."]).scatter(1, columns, items)
        matched = torch.zeros_like(read).scatter(1, columns, places)
        prompt = [Span(read, matched), Span(torch.full((1, 1), SEP), 1)]
        return assemble(length, count, self.vocabulary, prompt, [Span(items, places)])

    def _columns(self, length: int, count: int, generator: torch.Generator) -> Int[Tensor, "batch symbols"]:
        """Draw the columns of the symbols, from left to right."""
        symbols = min(self.symbols, length)
        if self.spacing == "early":
            return torch.arange(symbols).expand(count, -1)
        return orders((count, length), generator)[:, :symbols].sort(1).values
