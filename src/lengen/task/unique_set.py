"""Unique set: the distinct symbols of a string (Fan et al. 2024, Looped Transformers, section 6)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import pad

from lengen.config.errors import require
from lengen.sampling import orders
from lengen.task import PAD, SEP, SPECIAL, Batch, Span, Task, Vocabulary, assemble, letters
from lengen.task.chance import Chance
from lengen.task.sort import repeated

FEW = 3


@dataclass(frozen=True)
class UniqueSet(Task):
    """Write each symbol of a string once, in the order of first appearance. Length: symbols of the string.

    >>> print(UniqueSet(alphabet=5).show(length=6, count=2))
    eedade# -> eda⏎
    cdcdbb# -> cdb⏎

    Args:
        alphabet: number of symbols.
        repeats: `allowed` draws symbols independently; `few` draws them from three symbols, which gives short answers;
            `late` repeats a symbol only after the whole alphabet has occurred, which gives long answers.
    """

    alphabet: int = 20
    repeats: Literal["allowed", "few", "late"] = "allowed"

    def __post_init__(self) -> None:
        require(self.alphabet >= 1, f"task.alphabet={self.alphabet}: must be at least 1")

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The alphabet."""
        return Vocabulary(letters(self.alphabet))

    def stress_sets(self) -> Mapping[str, Task]:
        """The shortest and the longest answers."""
        return {"few": replace(self, repeats="few"), "late": replace(self, repeats="late")}

    def longest_answer(self, length: int) -> int:
        """See `Task`."""
        return min(length, self.alphabet, FEW if self.repeats == "few" else length) + 1

    def chance(self, length: int) -> Chance:
        """See `Task`."""
        shares = self._sizes(length)
        later = shares.flip(0).cumsum(0).flip(0)
        orders = [math.perm(self.alphabet, size) for size in range(len(shares))]
        exact = max(float(share) / number for share, number in zip(shares, orders, strict=True))
        # at a place there is any of the symbols, or the end of an answer of that size
        right = (later[1:] / self.alphabet).maximum(shares[:-1]).sum() + shares[-1]
        return Chance(exact, float(right / later.sum()))

    def _sizes(self, length: int) -> Float[Tensor, " sizes"]:
        """Probability of every number of distinct symbols, from 0."""
        symbols = min(self.alphabet, FEW) if self.repeats == "few" else self.alphabet
        sizes = torch.arange(min(length, symbols) + 1)
        if self.repeats == "late":
            return (sizes == sizes[-1]).double()
        shares = (sizes == 0).double()
        for _ in range(length):
            shares = (shares * sizes + pad(shares, (1, -1)) * (symbols + 1 - sizes)) / symbols
        return shares

    def sample(self, length: int, count: int, generator: torch.Generator) -> Batch:
        """Draw strings; see `Task.sample`."""
        items = self._draw(length, count, generator)
        tokens = items + len(SPECIAL)
        prompt = [Span(tokens), Span(torch.full((1, 1), SEP))]
        written = Span(tokens.masked_fill(repeated(items), PAD))
        # without places, which would reveal the repeated symbols
        return assemble(length, count, self.vocabulary, prompt, [written], coupled=False)

    def _draw(self, length: int, count: int, generator: torch.Generator) -> Int[Tensor, "batch length"]:
        if self.repeats == "allowed":
            return torch.randint(self.alphabet, (count, length), generator=generator)
        order = orders((count, self.alphabet), generator)
        if self.repeats == "late":
            return order[:, torch.arange(length) % self.alphabet]
        few = torch.randint(min(FEW, self.alphabet), (count, length), generator=generator)
        return order.gather(1, few)
