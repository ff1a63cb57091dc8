"""Multiplication of binary numbers, little-endian (Deletang et al. 2023, Chomsky hierarchy: Binary Multiplication)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar, Literal

import torch
from jaxtyping import Int
from torch import Tensor

from lengen.task import DIGITS, Batch, Task, Vocabulary
from lengen.task.digits import little_endian, multiply, nonzero, operand_sizes


@dataclass(frozen=True)
class BinaryMultiplication(Task):
    """Multiply two binary numbers, all least significant bit first. Length: bits of the longer operand.

    Operands may end in zeros but are never 0, and the answer does not end in zeros, as in the paper's code. Length in the
    paper is that of the whole prompt, which it splits between the operands at a uniform position.

    >>> print(BinaryMultiplication().show(length=4))
    0110*1111= -> 0101101⏎
    >>> print(BinaryMultiplication(operands="uneven").show(length=4, seed=1))
    0011*11= -> 001001⏎

    Args:
        operands: `equal` numbers of bits, or `uneven`: one has n bits, the other a uniform number up to n, so that both have
            n with probability 1/n; or `pairs`: all 2n - 1 pairs of sizes are equally likely.
        bits: `uniform`, or `ones`: all ones, except for one zero at a uniform position in half of the examples (but not as
            an operand's only bit).
    """

    revision: ClassVar[int] = 2

    operands: Literal["equal", "uneven", "pairs"] = "equal"
    bits: Literal["uniform", "ones"] = "uniform"

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """Bits and signs."""
        return Vocabulary((*DIGITS[:2], "*", "="))

    def stress_sets(self) -> Mapping[str, Task]:
        """All ones, which carry in every column, and operands of unequal length."""
        return {"ones": replace(self, bits="ones"), "uneven": replace(self, operands="uneven")}

    def longest_answer(self, length: int) -> int:
        """See `Task`."""
        return (2 * length if length > 1 else 1) + 1

    def sample(self, length: int, count: int, generator: torch.Generator) -> Batch:
        """Draw multiplications; see `Task.sample`."""
        sizes = operand_sizes(self.operands, length, count, generator)
        bits = self._draw(sizes, length, count, generator)
        product = multiply(bits[0], bits[1], base=2)
        return little_endian("*", bits, sizes, product, self.vocabulary)

    def _draw(
        self, sizes: Int[Tensor, "2 batch 1"], length: int, count: int, generator: torch.Generator
    ) -> Int[Tensor, "2 batch length"]:
        if self.bits == "uniform":
            return nonzero(torch.randint(2, (2, count, length), generator=generator), sizes, generator)
        place = torch.randint(2 * length, (count, 1), generator=generator)
        has_zero = torch.rand((count, 1), generator=generator) < 0.5  # noqa: PLR2004
        ones = 1 - ((torch.arange(2 * length) == place) & has_zero).long()
        bits = ones.reshape(count, 2, length).transpose(0, 1)
        return torch.where(sizes == 1, 1, bits) * (torch.arange(length) < sizes)
