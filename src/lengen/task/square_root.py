"""Integer square root of a binary number (Deletang et al. 2023, Chomsky hierarchy: Compute Sqrt)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import torch
from jaxtyping import Bool, Int
from torch import Tensor
from torch.nn.functional import pad

from lengen.task import DIGITS, SPECIAL, Batch, Span, Task, Vocabulary, assemble
from lengen.task.digits import multiply, number


@dataclass(frozen=True)
class SquareRoot(Task):
    """The square root of a binary number, rounded down, both most significant bit first. Length: bits.

    Numbers and roots have fixed widths with leading zeros, as in the paper: n bits and half as many, rounded up.

    >>> print(SquareRoot().show(length=6))
    110110= -> 111⏎

    Args:
        numbers: `uniform`, or `squares`: the largest square up to a uniform number, or in half of the examples, where it
            is not 0, the number below it, whose root is one less.
    """

    numbers: Literal["uniform", "squares"] = "uniform"

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """Two bits and the equals sign."""
        return Vocabulary((*DIGITS[:2], "="))

    def stress_sets(self) -> Mapping[str, Task]:
        """Squares and the numbers below them, on both sides of where the root jumps."""
        return {"squares": replace(self, numbers="squares")}

    def sample(self, length: int, count: int, generator: torch.Generator) -> Batch:
        """Draw numbers; see `Task.sample`."""
        half = -(-length // 2)
        bits = torch.randint(2, (count, length), generator=generator)
        if self.numbers == "squares":
            root = square_root(bits)
            square = multiply(root, root, base=2)[:, :length]
            below = torch.rand((count, 1), generator=generator) < 0.5  # noqa: PLR2004
            bits = torch.where(below & (square > 0).any(1, keepdim=True), less_one(square), square)
        pairs = torch.arange(length).flip(0) // 2 + 2  # two bits for each bit of the root
        prompt = [
            Span(bits.flip(1) + len(SPECIAL), pairs.unsqueeze(0)),
            self.vocabulary.span("=", half + 2),
        ]
        answer = number(square_root(bits), half, turned=False)
        return assemble(length, count, self.vocabulary, prompt, [answer])


def square_root(bits: Int[Tensor, "batch bits"]) -> Int[Tensor, "batch root"]:
    """Bits of the root of numbers given by their bits, least significant first, rounded down.

    Two bits of the number make one of the root, from the top: it is 1 where 4 root + 1 can be taken from what is left.
    """
    half = -(-bits.shape[1] // 2)
    pairs = pad(bits, (0, bits.shape[1] % 2)).reshape(-1, half, 2)
    left = root = torch.zeros((len(bits), half + 3), dtype=torch.long)
    one_zero = torch.tensor([[1, 0]]).expand(len(bits), -1)
    for pair in range(half - 1, -1, -1):
        left = torch.cat([pairs[:, pair], left[:, :-2]], 1)
        taken, below = subtract(left, torch.cat([one_zero, root[:, :-2]], 1))
        left = torch.where(below, left, taken)
        root = torch.cat([1 - below.long(), root[:, :-1]], 1)
    return root[:, :half]


def subtract(
    first: Int[Tensor, "batch bits"], second: Int[Tensor, "batch bits"]
) -> tuple[Int[Tensor, "batch bits"], Bool[Tensor, "batch 1"]]:
    """Bits of a difference, modulo a power of two, and whether it is below zero.

    A column of equal bits passes on what is borrowed from it; the borrow is that of the last column below that differs.
    """
    difference = first - second
    settled = torch.where(difference != 0, torch.arange(first.shape[1]), -1).cummax(1).values
    borrows = (settled >= 0) & (difference.gather(1, settled.clamp(min=0)) < 0)
    return (difference - pad(borrows[:, :-1].long(), (1, 0))) % 2, borrows[:, -1:]


def less_one(bits: Int[Tensor, "batch bits"]) -> Int[Tensor, "batch bits"]:
    """Bits of the number below, for numbers that are not 0."""
    return subtract(bits, (torch.arange(bits.shape[1]) == 0).long().expand_as(bits))[0]
