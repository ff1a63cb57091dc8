"""Multiplication of two numbers, digit by digit (Lee et al. 2023; Jelassi et al. 2023; Cho et al. 2024)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import torch
from jaxtyping import Int
from torch import Tensor
from torch.nn.functional import pad

from lengen.config.errors import require
from lengen.task import DIGITS, PAD, SPECIAL, Batch, Span, Task, Vocabulary, assemble
from lengen.task.chance import Chance
from lengen.task.digits import carry, multiply, number, row, size

ZEROS = 0.75
"""Probability of a zero, except for the leading digit, with `digits=zeros`."""


@dataclass(frozen=True)
class Multiplication(Task):
    """Multiply two numbers. Length: digits of the first operand.

    >>> print(Multiplication(second=2).show(length=3, seed=1))
    495*38= -> 01881⏎
    >>> print(Multiplication(second=None, scratchpad="partial_products").show(length=3, seed=1))
    495*338= -> 0693+05841(01881)+005841>013761⏎

    Args:
        second: number of digits of the second operand; None for as many as the first (n x n).
        order: `reversed` writes the answer and the scratchpad least significant digit first, `plain` most significant
            first.
        pad: `zero` writes operands and results at fixed widths with leading zeros (the product at n + m, the partial
            product with digit j of the second operand, from 0, at n + 1 + j); `none` without them.
        scratchpad: `partial_products` writes, for each digit of the second operand from the right, the shifted partial
            product, followed by the running sum in brackets: `p + p (sum) + p (sum) + p > answer`, as in the data of Deng
            et al. 2023 (implicit chain of thought).
        digits: `uniform`; `nines`: all nines, except for one uniform digit of the first operand, so that every column
            carries; or `zeros`: three quarters of the digits, none of them leading.
    """

    second: int | None = 1
    order: Literal["reversed", "plain"] = "reversed"
    pad: Literal["zero", "none"] = "zero"
    scratchpad: Literal["none", "partial_products"] = "none"
    digits: Literal["uniform", "nines", "zeros"] = "uniform"

    def __post_init__(self) -> None:
        require(
            self.second is None or self.second >= 1,
            f"task.second={self.second}: must be null (as many digits as the first operand) or at least 1",
        )

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """Digits and signs."""
        return Vocabulary((*DIGITS, "*", "=", "+", "(", ")", ">"))

    def stress_sets(self) -> Mapping[str, Task]:
        """Carries out of every column, and partial products that are zero."""
        return {"nines": replace(self, digits="nines"), "zeros": replace(self, digits="zeros")}

    def longest_answer(self, length: int) -> int:
        """See `Task`."""
        other = length if self.second is None else self.second
        if self.scratchpad == "none":
            return length + other + 1
        signs = int((self._signs(other) != PAD).sum())
        steps = [step for step in range(2 * other) if step not in (1, 2 * other - 1)]
        return sum(length + 1 + step // 2 for step in steps) + signs + length + other + 1

    def chance(self, length: int) -> Chance:
        """See `Task`."""
        chance = super().chance(length)
        other = length if self.second is None else self.second
        if self.digits != "uniform" or self.scratchpad != "none":
            return chance
        nonzero = [1.0 if self.pad == "none" and size > 1 else 1 - 10.0**-size for size in (length, other)]
        return chance if math.prod(nonzero) == 1 else Chance(1 - math.prod(nonzero), chance.token_accuracy)

    def sample(self, length: int, count: int, generator: torch.Generator) -> Batch:
        """Draw multiplications; see `Task.sample`."""
        other = length if self.second is None else self.second
        first = self._first(length, count, generator)
        second = self._digits(other, count, generator)
        product = multiply(first, second)
        turned = self.order == "reversed"
        width = length + other
        before = 1 if turned else width + 2  # the place next to the answer's first digit
        prompt = [
            number(first, length, turned=False),
            self.vocabulary.span("*", 1),
            number(second, other, turned=False),
            self.vocabulary.span("=", before),
        ]
        answer = number(product, width if self.pad == "zero" else size(product), turned=turned)
        trace = [self._trace(first, second, before)] if self.scratchpad == "partial_products" else []
        coupled = turned or self.pad == "zero"  # else places would reveal the answer's length
        return assemble(
            length, count, self.vocabulary, prompt, [answer], trace=trace, delimiter=">", coupled=coupled
        )

    def _first(self, length: int, count: int, generator: torch.Generator) -> Int[Tensor, "batch digits"]:
        """Draw the digits of the first operand, least significant first."""
        digits = self._digits(length, count, generator)
        if self.digits != "nines":
            return digits
        place = torch.randint(length, (count, 1), generator=generator)
        least = ((place == length - 1) & (self.pad == "none") & (length > 1)).long()
        single = least + (torch.rand((count, 1), generator=generator) * (10 - least)).long()
        return digits.scatter(1, place, single)

    def _digits(self, length: int, count: int, generator: torch.Generator) -> Int[Tensor, "batch digits"]:
        """Draw the digits of an operand, least significant first."""
        if self.digits == "nines":
            return torch.full((count, length), 9)
        digits = torch.randint(10, (count, length), generator=generator)
        if self.digits == "zeros":
            digits = digits * (torch.rand((count, length), generator=generator) > ZEROS)
        if self.digits == "zeros" or (self.pad == "none" and length > 1):  # the number 0 has one digit
            digits[:, -1] = torch.randint(1, 10, (count,), generator=generator)
        return digits

    def _trace(
        self, first: Int[Tensor, "batch first"], second: Int[Tensor, "batch second"], before: int
    ) -> Span:
        """Scratchpad: shifted products and their running sums, without the first and the last sum."""
        count, (length, other) = len(first), (first.shape[1], second.shape[1])
        table = pad(first.unsqueeze(1) * second.unsqueeze(2), (0, other))
        flat = table.flatten(1)[:, : table[0].numel() - other]  # each row shifted by one more than the last
        shifted = pad(flat.reshape(count, other, -1), (0, 1))
        both = torch.stack([shifted, shifted.cumsum(1)], 2).flatten(0, 2)
        figures = carry(both).reshape(count, 2 * other, -1)
        step = torch.arange(2 * other).reshape(1, -1, 1)
        sizes = size(figures) if self.pad == "none" else length + 1 + step // 2
        kept = (step != 1) & (step != 2 * other - 1)
        signs = self._signs(other)
        return row(figures, sizes * kept, signs, turned=self.order == "reversed", places=before)

    def _signs(self, other: int) -> Int[Tensor, "numbers signs"]:
        """Ids of the signs after each product and each sum."""
        hole = SPECIAL[0]
        signs = [("(", hole), (")", "+")] * other
        signs[:2] = [("+", hole), (hole, hole)]
        signs[-2:] = [(">", hole), (hole, hole)]
        return torch.stack([self.vocabulary.encode(pair) for pair in signs])
