"""Addition of many numbers (Cho et al. 2024b: length generalization in both operand length and count)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import torch
from jaxtyping import Int
from torch import Tensor
from torch.nn.functional import pad

from lengen.config.errors import require
from lengen.task import DIGITS, Batch, Span, Task, Vocabulary, assemble
from lengen.task.digits import carry, number, row, size, without_leading_zeros


@dataclass(frozen=True)
class ManyAddition(Task):
    """Add many numbers. Length: operands, or digits of the longest operand, as `length_of` says.

    Places are significances. Groups are the second level of positions in the paper: operand k and the sum of the first k
    operands have group k + 1, each with the sign that follows it; the 0 from which sums start has group 1.

    >>> print(ManyAddition(other=2).show(length=3))
    94+03+93= -> 091⏎
    >>> print(ManyAddition(length_of="digits", other=3, scratchpad="running").show(length=2))
    94+03+93= -> 000>490>790>091⏎

    Args:
        length_of: what length counts, the `operands` or their `digits`.
        other: the other one of these two sizes, which is fixed.
        order: `reversed` writes sums least significant digit first, `plain` most significant first; operands are plain.
        pad: `zero` writes operands at the width of the longest and sums at the width of the largest possible sum;
            `none` writes no leading zeros.
        sizes: `equal` numbers of digits, or `uneven`: one operand has all digits, the others uniform numbers of digits.
        scratchpad: `running` writes 0, the first operand, the sum of the first two, and so on (Cho et al. 2024b).
        carry: `uniform` digits, or `full`: a carry from the last column to the first, since the longest operand completes
            every column to 9 modulo 10.
    """

    length_of: Literal["operands", "digits"] = "operands"
    other: int = 3
    order: Literal["reversed", "plain"] = "reversed"
    pad: Literal["zero", "none"] = "zero"
    sizes: Literal["equal", "uneven"] = "equal"
    scratchpad: Literal["none", "running"] = "none"
    carry: Literal["uniform", "full"] = "uniform"

    def __post_init__(self) -> None:
        require(self.other >= 1, f"task.other={self.other}: must be at least 1")

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """Digits and signs."""
        return Vocabulary((*DIGITS, "+", "=", ">"))

    def stress_sets(self) -> Mapping[str, Task]:
        """A carry through all columns, and operands of unequal length."""
        return {"carry": replace(self, carry="full"), "uneven": replace(self, sizes="uneven")}

    def longest_answer(self, length: int) -> int:
        """See `Task`."""
        operands, digits = self._sizes(length)
        sums = [sum_width(number, digits) for number in range(1, operands + 1)]
        if self.scratchpad == "none":
            return sums[-1] + 1
        trace = [1, *sums[:-1]] if self.pad == "none" else [sums[-1]] * operands
        return sum(trace) + operands + sums[-1] + 1

    def sample(self, length: int, count: int, generator: torch.Generator) -> Batch:
        """Draw additions; see `Task.sample`."""
        operands, digits = self._sizes(length)
        numbers, sizes = self._draw(operands, digits, count, generator)
        width = sum_width(operands, digits)
        turned = self.order == "reversed"
        before = 1 if turned else width + 2  # the place next to the first digit of a sum
        signs = self.vocabulary.encode("+" * (operands - 1) + "=").unsqueeze(1)
        places = torch.where(signs == self.vocabulary["="], before, 1)
        written = digits if self.pad == "zero" else sizes
        prompt = row(numbers, written, signs, turned=False, places=places, group=2)
        columns = pad(numbers, (0, width - digits))
        if self.scratchpad == "running":
            sums = carry(columns.cumsum(1).flatten(0, 1)).reshape(count, operands, -1)
        else:
            sums = carry(columns.sum(1)).unsqueeze(1)
        widths = size(sums) if self.pad == "none" else torch.full((count, sums.shape[1], 1), width)
        answer = number(sums[:, -1], widths[:, -1], turned=turned, group=operands + 1)
        trace = [self._trace(sums, widths, before)] if self.scratchpad == "running" else []
        coupled = turned or self.pad == "zero"  # else places would reveal the answer's length
        return assemble(
            length, count, self.vocabulary, [prompt], [answer], trace=trace, delimiter=">", coupled=coupled
        )

    def _sizes(self, length: int) -> tuple[int, int]:
        """Operands, and digits of the longest, of a problem."""
        return (length, self.other) if self.length_of == "operands" else (self.other, length)

    def _trace(
        self, sums: Int[Tensor, "batch operands digits"], widths: Int[Tensor, "batch operands 1"], before: int
    ) -> Span:
        """Scratchpad: 0 and every sum except the last."""
        numbers = torch.cat([torch.zeros_like(sums[:, :1]), sums[:, :-1]], 1)
        zero = 1 if self.pad == "none" else sums.shape[2]
        sizes = torch.cat([torch.full_like(widths[:, :1], zero), widths[:, :-1]], 1)
        signs = self.vocabulary.encode(">" * sums.shape[1]).unsqueeze(1)
        return row(numbers, sizes, signs, turned=self.order == "reversed", places=before, group=1)

    def _draw(
        self, operands: int, digits: int, count: int, generator: torch.Generator
    ) -> tuple[Int[Tensor, "batch operands digits"], Int[Tensor, "batch operands 1"]]:
        """Draw the digits of all operands, least significant first, and their numbers of digits."""
        numbers = torch.randint(10, (count, operands, digits), generator=generator)
        longest = torch.randint(operands, (count, 1, 1), generator=generator)
        sizes = torch.full((count, operands, 1), digits)
        if self.sizes == "uneven":
            sizes = torch.randint(1, digits + 1, sizes.shape, generator=generator).scatter(1, longest, digits)
        column = torch.arange(digits)
        if self.pad == "none":  # no leading zero, except the number 0
            numbers = without_leading_zeros(numbers, sizes, generator)
        numbers = numbers * (column < sizes)
        if self.carry == "full" and operands > 1:
            numbers = self._full(numbers, longest, generator)
        return numbers, sizes

    def _full(
        self,
        numbers: Int[Tensor, "batch operands digits"],
        longest: Int[Tensor, "batch 1 1"],
        generator: torch.Generator,
    ) -> Int[Tensor, "batch operands digits"]:
        """Change the longest operand, and a last digit of another, so that every column except the first carries."""
        count, operands, digits = numbers.shape
        if digits == 1:
            return numbers
        last = torch.randint(1, 10, (count, 1, 1), generator=generator)  # so that the last column can carry
        numbers = torch.cat(
            [numbers[:, :, :1].scatter(1, (longest + 1) % operands, last), numbers[:, :, 1:]], 2
        )
        index = longest.expand(-1, -1, digits)
        own = numbers.gather(1, index)
        others = numbers.sum(1, keepdim=True) - own
        least = (10 - others).clamp(min=0)  # the smallest digit that carries
        start = least + (torch.rand(own.shape, generator=generator) * (10 - least)).long()
        column = torch.arange(digits)
        chain = torch.where(column == 0, start, (9 - others) % 10)
        return numbers.scatter(1, index, torch.where(column < digits - 1, chain, own))


def sum_width(operands: int, digits: int) -> int:
    """Digits of the largest sum of some numbers with some digits."""
    largest = operands * (10**digits - 1)
    return len(str(largest))
