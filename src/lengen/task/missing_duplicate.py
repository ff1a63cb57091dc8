"""Missing duplicate: a string and its copy with one symbol hidden (Delétang et al. 2023, appendix A)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import torch

from lengen.config.errors import require
from lengen.task import SEP, SPECIAL, Batch, Span, Task, Vocabulary, assemble, letters
from lengen.task.chance import Chance, independent


@dataclass(frozen=True)
class MissingDuplicate(Task):
    """Write the symbol that is hidden in a string and its copy. Length: symbols of the string, counted once.

    >>> print(MissingDuplicate().show(length=4, count=2))
    abbaa_ba# -> b⏎
    bbb_bbbb# -> b⏎

    Args:
        alphabet: number of symbols; 2 in the paper.
        symbols: `uniform`, or `odd`: all are the same except the hidden one, so that guessing the most frequent symbol
            is wrong.
    """

    alphabet: int = 2
    symbols: Literal["uniform", "odd"] = "uniform"

    def __post_init__(self) -> None:
        require(self.alphabet >= 2, f"task.alphabet={self.alphabet}: must be at least 2")  # noqa: PLR2004

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The alphabet and the mask symbol."""
        return Vocabulary((*letters(self.alphabet), "_"))

    def stress_sets(self) -> Mapping[str, Task]:
        """Strings of one symbol, except for the hidden one."""
        return {"odd": replace(self, symbols="odd")}

    def longest_answer(self, length: int) -> int:
        """See `Task`."""
        return 2

    def chance(self, length: int) -> Chance:
        """See `Task`."""
        return independent([1 / self.alphabet])

    def sample(self, length: int, count: int, generator: torch.Generator) -> Batch:
        """Draw strings and hidden symbols; see `Task.sample`."""
        items = torch.randint(self.alphabet, (count, length), generator=generator)
        hidden = torch.randint(length, (count, 1), generator=generator)
        second = torch.randint(2, (count, 1), generator=generator)
        if self.symbols == "odd":
            step = torch.randint(1, self.alphabet, (count, 1), generator=generator)
            common = items[:, :1]
            items = torch.where(torch.arange(length) == hidden, (common + step) % self.alphabet, common)
        items = items + len(SPECIAL)
        read = items.repeat(1, 2).scatter(1, hidden + second * length, self.vocabulary["_"])
        index = torch.arange(2, length + 2).repeat(2).unsqueeze(0)
        # the answer has the place of the separator, since that of the hidden symbol would reveal its position
        prompt = [Span(read, index), Span(torch.full((1, 1), SEP), 1)]
        return assemble(length, count, self.vocabulary, prompt, [Span(items.gather(1, hidden), 1)])
