"""Addition of binary numbers, little-endian (Deletang et al. 2023, Chomsky hierarchy: Binary Addition)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar, Literal

import torch
from jaxtyping import Int
from torch import Tensor
from torch.nn.functional import pad

from lengen.task import DIGITS, Batch, Task, Vocabulary
from lengen.task.chance import Chance, independent
from lengen.task.digits import carry, little_endian, nonzero, operand_sizes


@dataclass(frozen=True)
class BinaryAddition(Task):
    """Add two binary numbers, all least significant bit first. Length: bits of the longer operand.

    Operands may end in zeros but are never 0, and the answer does not end in zeros, as in the paper's code. Length in the
    paper is that of the whole prompt, which it splits between the operands at a uniform position.

    >>> print(BinaryAddition().show(length=4))
    0110+1111= -> 10101⏎
    >>> print(BinaryAddition(operands="uneven").show(length=4, seed=1))
    0011+11= -> 1111⏎

    Args:
        operands: `equal` numbers of bits, or `uneven`: one has n bits, the other a uniform number up to n, so that both have
            n with probability 1/n; or `pairs`: all 2n - 1 pairs of sizes are equally likely.
        carry: `uniform` bits, or `full`: a carry from the first column through all others.
    """

    revision: ClassVar[int] = 2

    operands: Literal["equal", "uneven", "pairs"] = "equal"
    carry: Literal["uniform", "full"] = "uniform"

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """Bits and signs."""
        return Vocabulary((*DIGITS[:2], "+", "="))

    def stress_sets(self) -> Mapping[str, Task]:
        """A carry through all columns, and operands of unequal length."""
        return {"carry": replace(self, carry="full"), "uneven": replace(self, operands="uneven")}

    def longest_answer(self, length: int) -> int:
        """See `Task`."""
        return length + 2

    def chance(self, length: int) -> Chance:
        """See `Task`."""
        if self.carry == "full":  # 1 and a zero for every bit
            return independent([1.0] * (length + 1))
        chance = super().chance(length)
        # of two numbers from 1 to 2^n - 1, as many pairs have the sum 2^n
        exact = 1 / (2.0**length - 1) if self.operands == "equal" else chance.exact_match
        return Chance(exact, chance.token_accuracy)

    def sample(self, length: int, count: int, generator: torch.Generator) -> Batch:
        """Draw additions; see `Task.sample`."""
        sizes = operand_sizes(self.operands, length, count, generator)
        bits = self._draw(sizes, length, count, generator)
        total = carry(pad(bits.sum(0), (0, 1)), base=2)
        return little_endian("+", bits, sizes, total, self.vocabulary)

    def _draw(
        self, sizes: Int[Tensor, "2 batch 1"], length: int, count: int, generator: torch.Generator
    ) -> Int[Tensor, "2 batch length"]:
        bits = torch.randint(2, (2, count, length), generator=generator)
        if self.carry == "uniform":
            return nonzero(bits, sizes, generator)
        column = torch.arange(length)
        # 1 + 1 starts the carry, pairs of 1 and 0 propagate it, then the ones of the longer operand do
        bits[1] = 1 - bits[0]
        bits = torch.where((column > 0) & (column < sizes.amin(0)), bits, 1)
        return bits * (column < sizes)
