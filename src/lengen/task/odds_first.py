"""Odds first: the symbols at odd positions, then those at even positions (Delétang et al. 2023, appendix A)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import torch

from lengen.config.errors import require
from lengen.task import SEP, Batch, Span, Task, Vocabulary, assemble, letters
from lengen.task.chance import Chance, of_places
from lengen.task.copy import Copy


@dataclass(frozen=True)
class OddsFirst(Task):
    """Write every second symbol, then the others. Length: symbols of the string.

    >>> print(OddsFirst(alphabet=5).show(length=5, count=2))
    eedad# -> eddea⏎
    ecdcd# -> eddcc⏎
    >>> print(OddsFirst(alphabet=5, first="even").show(length=5))
    eedad# -> eaedd⏎

    Args:
        alphabet: number of symbols; 2 in the paper.
        repeats: `allowed` draws symbols independently, `ngram` repeats an n-gram of two to four symbols, as `Copy` does.
        first: which positions are written first, counted from 1: the `odd` ones (the paper and the docstring of its released
            code), or the `even` ones (what that code computes).
    """

    alphabet: int = 2
    repeats: Literal["allowed", "ngram"] = "allowed"
    first: Literal["odd", "even"] = "odd"

    def __post_init__(self) -> None:
        require(self.alphabet >= 1, f"task.alphabet={self.alphabet}: must be at least 1")

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The alphabet."""
        return Vocabulary(letters(self.alphabet))

    def stress_sets(self) -> Mapping[str, Task]:
        """A short string repeated, in which the last few symbols do not determine the position."""
        return {"repeats": replace(self, repeats="ngram")}

    def longest_answer(self, length: int) -> int:
        """See `Task`."""
        return length + 1

    def chance(self, length: int) -> Chance:
        """See `Task`."""
        return of_places(Copy(self.alphabet, self.repeats).likeliest(length), [1 / self.alphabet] * length)

    def sample(self, length: int, count: int, generator: torch.Generator) -> Batch:
        """Draw strings; see `Task.sample`."""
        strings = Copy(self.alphabet, self.repeats)  # the same symbols with the same ids
        items = strings.sample(length, count, generator).tokens[:, :length]
        odd, even = torch.arange(0, length, 2), torch.arange(1, length, 2)
        order = torch.cat([odd, even] if self.first == "odd" else [even, odd])
        index = torch.arange(2, length + 2).unsqueeze(0)
        prompt = [Span(items, index), Span(torch.full((1, 1), SEP), 1)]
        return assemble(length, count, self.vocabulary, prompt, [Span(items[:, order], index[:, order])])
