"""Induction: which symbol followed this one before? (Olsson et al. 2022; Gu and Dao 2023, Mamba, section 4.1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch

from lengen.config.errors import require
from lengen.task import SPECIAL, Batch, Span, Task, Vocabulary, assemble, letters
from lengen.task.chance import Chance, independent
from lengen.task.depth import check, depths


@dataclass(frozen=True)
class Induction(Task):
    """Write the symbol that followed the trigger, which is repeated at the end. Length: symbols other than the trigger.

    >>> print(Induction().show(length=6, count=2))
    !mpfadl! -> m⏎
    dhj!dfc! -> d⏎
    >>> print(Induction(trigger="symbol").show(length=6))
    blhdppkd -> p⏎

    Args:
        alphabet: number of symbols.
        trigger: a special `mark` (Mamba), or a `symbol` of the alphabet that does not occur elsewhere (Olsson et al.).
        depth: position of the trigger as a fraction of the last possible one, from 0 to 1; None draws it uniformly.
    """

    alphabet: int = 16
    trigger: Literal["mark", "symbol"] = "mark"
    depth: float | None = None

    def __post_init__(self) -> None:
        least = 1 if self.trigger == "mark" else 2
        require(self.alphabet >= least, f"task.alphabet={self.alphabet}: must be at least {least}")
        check(self.depth)

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The alphabet and the mark."""
        return Vocabulary((*letters(self.alphabet), "!"))

    def stress_sets(self) -> Mapping[str, Task]:
        """The trigger at eleven depths, from the beginning to the last possible position."""
        return depths(self)

    def longest_answer(self, length: int) -> int:
        """See `Task`."""
        return 2

    def chance(self, length: int) -> Chance:
        """See `Task`."""
        return independent([1 / self.alphabet])

    def sample(self, length: int, count: int, generator: torch.Generator) -> Batch:
        """Draw symbols and the position of the trigger; see `Task.sample`."""
        items = torch.randint(self.alphabet, (count, length), generator=generator)
        trigger = torch.full((count, 1), self.vocabulary["!"] - len(SPECIAL))
        if self.trigger == "symbol":
            trigger = torch.randint(self.alphabet, (count, 1), generator=generator)
            others = torch.randint(1, self.alphabet, (count, length), generator=generator)
            items = (trigger + others) % self.alphabet
        before = torch.randint(length, (count, 1), generator=generator)
        if self.depth is not None:
            before = torch.full_like(before, round(self.depth * (length - 1)))
        column = torch.arange(length + 1)
        body = torch.where(column == before, trigger, items.gather(1, column - (column > before).long()))
        prompt = [Span(body + len(SPECIAL)), Span(trigger + len(SPECIAL))]
        answer = Span(items.gather(1, before) + len(SPECIAL))
        # without places, which would reveal the position of the trigger
        return assemble(length, count, self.vocabulary, prompt, [answer], coupled=False)
