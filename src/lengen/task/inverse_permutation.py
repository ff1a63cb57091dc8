"""Inverse permutation: restore the order of a permuted string (Alur et al. 2025)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import torch
from jaxtyping import Int
from torch import Tensor

from lengen.config.errors import require, require_length
from lengen.sampling import orders
from lengen.task import SEP, SPECIAL, Batch, Span, Task, Vocabulary, assemble, letters
from lengen.task.chance import Chance, independent, of_places


@dataclass(frozen=True)
class InversePermutation(Task):
    """Restore the order of a string, given a permutation and the permuted string. Length: items.

    The permutation is written as consecutive numbers from a random start, so that longer problems do not need numbers
    that never occur in training. The symbol with the smallest number comes first.

    >>> print(InversePermutation(numbers=9).show(length=3, count=2, seed=1))
    6. 8. 7. : f e t # -> fte⏎
    6. 8. 7. : i n d # -> idn⏎
    >>> print(InversePermutation(numbers=9, scratchpad="blanks").show(length=3, seed=1))
    2. 1. 3. : t f e _ _ _ # -> fte⏎
    >>> print(InversePermutation(numbers=9, scratchpad="pairs").show(length=3, seed=1))
    2. 1. 3. : t f e # -> 1. f 2. t 3. e : f t e ⏎

    Args:
        numbers: number of different numbers; this is the longest possible length.
        alphabet: number of symbols.
        scratchpad: `none`; `blanks`, one scratch token per item at the end of the prompt (as in the paper; they carry no
            information); or `pairs`, every number with its symbol, in order, written before the answer.
        order: the permutation is `shuffled` (uniform), the `identity` or `reversed`.
    """

    numbers: int = 100
    alphabet: int = 20
    scratchpad: Literal["none", "blanks", "pairs"] = "none"
    order: Literal["shuffled", "identity", "reversed"] = "shuffled"

    def __post_init__(self) -> None:
        for name in ("numbers", "alphabet"):
            require(getattr(self, name) >= 1, f"task.{name}={getattr(self, name)}: must be at least 1")

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The alphabet, the numbers (one symbol each), a colon and the scratch token."""
        numbers = (f"{number}." for number in range(1, self.numbers + 1))
        return Vocabulary((*letters(self.alphabet), *numbers, ":", "_"))

    def stress_sets(self) -> Mapping[str, Task]:
        """Strings that are already in order, or in reverse order."""
        return {order: replace(self, order=order) for order in ("identity", "reversed")}

    def longest_answer(self, length: int) -> int:
        """See `Task`."""
        return 3 * length + 2 if self.scratchpad == "pairs" else length + 1

    def chance(self, length: int) -> Chance:
        """See `Task`."""
        string, start = [1 / self.alphabet] * length, 1 / (self.numbers - length + 1)
        if self.scratchpad != "pairs":
            return independent(string)
        return of_places(start * math.prod(string), [start] * length + string + [1.0] + string)

    def sample(self, length: int, count: int, generator: torch.Generator) -> Batch:
        """Draw strings and permutations; see `Task.sample`."""
        require_length(
            length <= self.numbers, length, f"task.numbers={self.numbers} allows at most {self.numbers} items"
        )
        string = torch.randint(self.alphabet, (count, length), generator=generator) + len(SPECIAL)
        permutation = self._permutation(length, count, generator)
        start = torch.randint(self.numbers - length + 1, (count, 1), generator=generator)
        start = start + self.vocabulary["1."]
        colon, blank = (self.vocabulary.span(sign) for sign in ":_")
        prompt = [Span(start + permutation), colon, Span(string.gather(1, permutation))]
        trace, answer = [], [Span(string)]
        if self.scratchpad == "blanks":
            prompt += [blank] * length
        if self.scratchpad == "pairs":
            trace = [Span(torch.stack([start + torch.arange(length), string], 2).flatten(1))]
            answer = [colon, *answer]
        prompt.append(Span(torch.full((1, 1), SEP)))
        # without places, which would reveal the permutation
        return assemble(length, count, self.vocabulary, prompt, answer, trace=trace, coupled=False)

    def _permutation(
        self, length: int, count: int, generator: torch.Generator
    ) -> Int[Tensor, "batch length"]:
        """Index in the string of each item of the permuted string."""
        if self.order == "shuffled":
            return orders((count, length), generator)
        items = torch.arange(length).expand(count, -1)
        return items if self.order == "identity" else items.flip(1)
