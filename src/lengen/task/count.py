"""Count the occurrences of a symbol (Yehudai et al. 2024, "When can transformers count to n?": Query Count)."""

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
from lengen.task import DIGITS, PAD, SPECIAL, Batch, Span, Task, Vocabulary, assemble, letters
from lengen.task.chance import Chance, log_comb, of_listed


@dataclass(frozen=True)
class Count(Task):
    """How often does a symbol occur? Length: symbols of the string.

    >>> print(Count(alphabet=4).show(length=12))
    aaacbacaaada?a= -> 8⏎
    >>> print(Count(alphabet=4, digits=3, order="plain").show(length=12))
    aaacbacaaada?a= -> 008⏎

    Args:
        alphabet: number of symbols.
        occurrences: `uniform` draws the count uniformly from 0 to the length; `chance` draws symbols independently, so
            that the count is close to length / alphabet; `all` repeats the symbol alone.
        digits: number of digits of the answer, with leading zeros; None writes it without them.
        order: `reversed` writes the least significant digit first, `plain` the most significant.
    """

    alphabet: int = 10
    occurrences: Literal["uniform", "chance", "all"] = "uniform"
    digits: int | None = None
    order: Literal["reversed", "plain"] = "reversed"

    def __post_init__(self) -> None:
        require(self.alphabet >= 2, f"task.alphabet={self.alphabet}: must be at least 2")  # noqa: PLR2004
        require(
            self.digits is None or self.digits >= 1,
            f"task.digits={self.digits}: must be null (as many as needed) or at least 1",
        )

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """Symbols, digits, and the signs of the question."""
        return Vocabulary((*letters(self.alphabet), *DIGITS, "?", "="))

    def stress_sets(self) -> Mapping[str, Task]:
        """One symbol repeated: the count is the length, larger than any count in training."""
        return {"all": replace(self, occurrences="all")}

    def longest_answer(self, length: int) -> int:
        """See `Task`."""
        return (self.digits or len(str(length))) + 1

    def chance(self, length: int) -> Chance:
        """See `Task`."""
        number = torch.arange(length + 1).unsqueeze(1)
        shares = torch.full((length + 1,), 1 / (length + 1), dtype=torch.double)
        if self.occurrences == "all":
            shares = (number[:, 0] == length).double()
        if self.occurrences == "chance":
            ways = log_comb(torch.tensor(length), number[:, 0])
            others = (length - number[:, 0]).double() * math.log(self.alphabet - 1)
            shares = (ways + others - length * math.log(self.alphabet)).exp()
        written = self._written(number, self.digits or len(str(length)))
        batch = assemble(length, length + 1, self.vocabulary, [], [written])
        return of_listed(batch.tokens, shares)

    def sample(self, length: int, count: int, generator: torch.Generator) -> Batch:
        """Draw strings and questions; see `Task.sample`."""
        width = len(str(length)) if self.digits is None else self.digits
        require_length(
            length < 10**width,
            length,
            f"task.digits={self.digits} allows at most {10**width - 1} symbols",
        )
        target = torch.randint(self.alphabet, (count, 1), generator=generator)
        items = self._draw(target, length, generator)
        number = (items == target).sum(1, keepdim=True)
        question = [self.vocabulary.span(sign) for sign in "?="]
        prompt = [Span(items + len(SPECIAL)), question[0], Span(target + len(SPECIAL)), question[1]]
        return assemble(length, count, self.vocabulary, prompt, [self._written(number, width)], coupled=False)

    def _draw(
        self, target: Int[Tensor, "batch 1"], length: int, generator: torch.Generator
    ) -> Int[Tensor, "batch length"]:
        """Draw strings in which the counted symbol occurs as `occurrences` says."""
        count = len(target)
        if self.occurrences == "all":
            return target.expand(-1, length)
        if self.occurrences == "chance":
            return torch.randint(self.alphabet, (count, length), generator=generator)
        others = (
            target + torch.randint(1, self.alphabet, (count, length), generator=generator)
        ) % self.alphabet
        number = torch.randint(length + 1, (count, 1), generator=generator)
        rank = orders((count, length), generator)
        return torch.where(rank < number, target, others)

    def _written(self, number: Int[Tensor, "batch 1"], width: int) -> Span:
        """Digits of the answer, with PAD for those that are not written."""
        powers = 10 ** torch.arange(width)
        tokens = number // powers % 10 + self.vocabulary["0"]
        if self.digits is None:
            tokens = torch.where((number >= powers) | (powers == 1), tokens, PAD)
        return Span(tokens if self.order == "reversed" else tokens.flip(1))
