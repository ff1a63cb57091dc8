"""Integer square root of a binary number (Deletang et al. 2023, Chomsky hierarchy: Compute Sqrt)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar, Literal

import torch
from jaxtyping import Bool, Int
from torch import Tensor
from torch.nn.functional import pad

from lengen.task import DIGITS, SPECIAL, Batch, Span, Task, Vocabulary, assemble
from lengen.task.chance import Chance
from lengen.task.digits import multiply, nonzero, number


@dataclass(frozen=True)
class SquareRoot(Task):
    """Square root of a binary number, rounded down; both most significant bit first. Length: bits.

    Numbers and roots have fixed widths with leading zeros, as in the paper: n and n / 2 bits, rounded up. Numbers are at
    least 1, as in its code.

    >>> print(SquareRoot().show(length=6))
    110110= -> 111⏎

    Args:
        numbers: `uniform`, or `squares`: the largest square up to a uniform number, minus 1 in half of the examples
            (unless it is 1), which lowers the root by one.
    """

    revision: ClassVar[int] = 2

    numbers: Literal["uniform", "squares"] = "uniform"

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """Bits and the equals sign."""
        return Vocabulary((*DIGITS[:2], "="))

    def stress_sets(self) -> Mapping[str, Task]:
        """Squares and the numbers just below them, on both sides of a step of the root."""
        return {"squares": replace(self, numbers="squares")}

    def longest_answer(self, length: int) -> int:
        """See `Task`."""
        return -(-length // 2) + 1

    def chance(self, length: int) -> Chance:
        """See `Task`."""
        chance = super().chance(length)
        if self.numbers == "squares":
            return chance
        largest = math.isqrt(2**length - 1)  # 2r + 1 numbers have the root r, but fewer the largest
        numbers = max(2 * largest - 1, 2**length - largest**2)
        return Chance(numbers / (2**length - 1), chance.token_accuracy)

    def sample(self, length: int, count: int, generator: torch.Generator) -> Batch:
        """Draw numbers; see `Task.sample`."""
        half = -(-length // 2)
        bits = nonzero(torch.randint(2, (count, length), generator=generator), length, generator)
        if self.numbers == "squares":
            root = square_root(bits)
            square = multiply(root, root, base=2)[:, :length]
            below = torch.rand((count, 1), generator=generator) < 0.5  # noqa: PLR2004
            above_one = (square[:, 1:] > 0).any(1, keepdim=True)
            bits = torch.where(below & above_one, minus_one(square), square)
        pairs = torch.arange(length).flip(0) // 2 + 2  # two bits for each bit of the root
        prompt = [
            Span(bits.flip(1) + len(SPECIAL), pairs.unsqueeze(0)),
            self.vocabulary.span("=", half + 2),
        ]
        answer = number(square_root(bits), half, turned=False)
        return assemble(length, count, self.vocabulary, prompt, [answer])


def square_root(bits: Int[Tensor, "batch bits"]) -> Int[Tensor, "batch root"]:
    """Square root of numbers given as bits, least significant first, rounded down.

    From the top, two bits of the number give one bit of the root: it is 1 if 4 root + 1 can be subtracted from the
    remainder.
    """
    half = -(-bits.shape[1] // 2)
    pairs = pad(bits, (0, bits.shape[1] % 2)).reshape(-1, half, 2)
    remainder = root = torch.zeros((len(bits), half + 3), dtype=torch.long)
    one_zero = torch.tensor([[1, 0]]).expand(len(bits), -1)
    for pair in range(half - 1, -1, -1):
        remainder = torch.cat([pairs[:, pair], remainder[:, :-2]], 1)
        reduced, below = subtract(remainder, torch.cat([one_zero, root[:, :-2]], 1))
        remainder = torch.where(below, remainder, reduced)
        root = torch.cat([1 - below.long(), root[:, :-1]], 1)
    return root[:, :half]


def subtract(
    first: Int[Tensor, "batch bits"], second: Int[Tensor, "batch bits"]
) -> tuple[Int[Tensor, "batch bits"], Bool[Tensor, "batch 1"]]:
    """Difference modulo a power of two, as bits, and whether it is negative.

    A column of equal bits propagates a borrow, so that its borrow is that of the last lower column whose bits differ.
    """
    difference = first - second
    settled = torch.where(difference != 0, torch.arange(first.shape[1]), -1).cummax(1).values
    borrows = (settled >= 0) & (difference.gather(1, settled.clamp(min=0)) < 0)
    return (difference - pad(borrows[:, :-1].long(), (1, 0))) % 2, borrows[:, -1:]


def minus_one(bits: Int[Tensor, "batch bits"]) -> Int[Tensor, "batch bits"]:
    """Subtract 1 from numbers that are not 0."""
    return subtract(bits, (torch.arange(bits.shape[1]) == 0).long().expand_as(bits))[0]
