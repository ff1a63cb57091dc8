"""Majority of a bit string (Hahn 2020; Merrill et al. 2022)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import torch
from jaxtyping import Int
from torch import Tensor

from lengen.sampling import orders
from lengen.task import DIGITS, SPECIAL, Batch, Span, Task, Vocabulary, assemble
from lengen.task.chance import Chance, independent


@dataclass(frozen=True)
class Majority(Task):
    """Are more than half of the bits ones? Length: bits.

    >>> print(Majority().show(length=7, count=2))
    0110111= -> 1⏎
    1111001= -> 1⏎

    Args:
        bits: `uniform`, or `close`: the number of ones is the smallest that gives 1 or the largest that gives 0, each in
            half of the examples.
        ties: a string of an even length with as many ones as zeros counts as `zero`, so that 0 is the likelier answer at
            even lengths; or `none`: it is drawn again, so that both answers are equally likely at every length.
    """

    bits: Literal["uniform", "close"] = "uniform"
    ties: Literal["zero", "none"] = "zero"

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """Bits and the equals sign."""
        return Vocabulary((*DIGITS[:2], "="))

    def stress_sets(self) -> Mapping[str, Task]:
        """Strings in which a single bit decides the answer."""
        return {"close": replace(self, bits="close")}

    def longest_answer(self, length: int) -> int:
        """See `Task`."""
        return 2

    def chance(self, length: int) -> Chance:
        """See `Task`."""
        tie = math.exp(math.lgamma(length + 1) - 2 * math.lgamma(length / 2 + 1) - length * math.log(2))
        unequal = length % 2 == 0 and self.ties == "zero" and self.bits == "uniform"
        return independent([(1 + tie * unequal) / 2])

    def sample(self, length: int, count: int, generator: torch.Generator) -> Batch:
        """Draw bit strings; see `Task.sample`."""
        bits = self._draw(length, count, generator)
        answer = (2 * bits.sum(1, keepdim=True) > length).long()
        prompt = [Span(bits + len(SPECIAL), 2), Span(torch.full((1, 1), self.vocabulary["="]), 1)]
        return assemble(length, count, self.vocabulary, prompt, [Span(answer + len(SPECIAL), 2)])

    def _draw(self, length: int, count: int, generator: torch.Generator) -> Int[Tensor, "batch length"]:
        if self.bits == "uniform":
            bits = torch.randint(2, (count, length), generator=generator)
            while self.ties == "none" and bool((tied := 2 * bits.sum(1) == length).any()):
                bits[tied] = torch.randint(2, (int(tied.sum()), length), generator=generator)
            return bits
        above = torch.randint(2, (count, 1), generator=generator)
        ones = length // 2 + above
        if self.ties == "none" and length % 2 == 0:
            ones = length // 2 + 2 * above - 1
        return (orders((count, length), generator) < ones).long()
