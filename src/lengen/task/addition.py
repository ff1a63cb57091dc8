"""Addition of two numbers, digit by digit (Lee et al. 2023; Zhou et al. 2024; McLeish et al. 2024; Cho et al. 2024)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from lengen.config.errors import require
from lengen.task import DIGITS, PAD, SPECIAL, Batch, Span, Task, Vocabulary, assemble, letters
from lengen.task.chance import Chance, of_places
from lengen.task.digits import operand_sizes, without_leading_zeros
from lengen.task.scratchpad import tail
from lengen.task.text import addition as words
from lengen.task.text.scratchpad import check, every

MARKERS = letters(26)


@dataclass(frozen=True)
class Addition(Task):
    """Add two numbers. Length: digits of the longer operand.

    >>> print(Addition().show(length=3, count=2))
    394+737= -> 1311⏎
    930+613= -> 3451⏎
    >>> print(Addition(order="plain", pad="none", operands="uneven").show(length=3))
    94+930= -> 1024⏎
    >>> print(Addition(hints=True).show(length=2))
    a9z4+a0z3= -> z7a9b0⏎
    >>> print(Addition(scratchpad="columns").show(length=2))
    94+03= -> 4370,9090,>790⏎
    >>> print(Addition(style="text", order="plain", pad="none").show(length=2))
    Compute 9 4 + 2 3 ?  -> The answer is 1 1 7.⏎
    >>> print(Addition(scratchpad="tail").show(length=2))
    94+03= -> 1:430=70,2:900=90,>790⏎

    Args:
        order: `reversed` writes the answer least significant digit first, `plain` most significant first;
            `little_endian` reverses the operands too, as Abacus positions expect.
        pad: `zero` writes operands and answer at fixed widths (n and n + 1) with leading zeros; `none` without them.
        operands: `equal` numbers of digits, or `uneven`: one has n digits, the other a uniform number up to n, so that both have
            n with probability 1/n; or `pairs`: all 2n - 1 pairs of sizes are equally likely.
        hints: whether to write a marker before each digit, cyclic in its significance from a random start (index hints).
        blanks: whether to write a blank before each digit of the prompt with probability one half (random spacing).
        scratchpad: `columns` writes, from the right, both digits, the digit of the sum and the carry of every column,
            and then the answer; `tail` writes for each column the position of the head, both digits and the incoming
            carry, the digit of the sum and the outgoing carry; `steps` is for text.
        carry: `uniform` digits; `heavy`: a carry through a random stretch of columns; or `full`: a carry from the last
            column through all others. Half of the `full` examples are pairs of digits that sum to 9, the others are
            9…9 + 1 or 1 + 9…9. With operands of equal length and no leading zeros, which excludes the latter, all are
            pairs.
        style: `symbols`, or `text`: the format of Kazemnejad et al. 2023, in characters; it uses order=plain and pad=none.
        parts: parts of each step of the scratchpad `steps`: input, computation, output, variables, remaining.
    """

    order: Literal["reversed", "plain", "little_endian"] = "reversed"
    pad: Literal["zero", "none"] = "zero"
    operands: Literal["equal", "uneven", "pairs"] = "equal"
    hints: bool = False
    blanks: bool = False
    scratchpad: Literal["none", "columns", "tail", "steps"] = "none"
    carry: Literal["uniform", "heavy", "full"] = "uniform"
    style: Literal["symbols", "text"] = "symbols"
    parts: list[str] = field(default_factory=every)

    def __post_init__(self) -> None:
        check(self.style, self.scratchpad, self.parts, every())
        for option in ("hints", "blanks"):
            on = self.style == "text" and getattr(self, option)
            require(not on, f"task.{option}=true with task.style=text: must be false")

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """Digits, signs, a blank, the markers with hints, and the symbols of the scratchpad."""
        if self.style == "text":
            return words.VOCABULARY
        symbols = (*DIGITS, "+", "=", ",", ">", " ", *(MARKERS if self.hints else ()))
        return Vocabulary(tail.alphabet(symbols) if self.scratchpad == "tail" else symbols)

    @property
    def aligned(self) -> bool:
        """True with hints."""
        return self.hints

    def stress_sets(self) -> Mapping[str, Task]:
        """A carry through all columns, and operands of unequal length."""
        return {"carry": replace(self, carry="full"), "uneven": replace(self, operands="uneven")}

    def longest_answer(self, length: int) -> int:
        """See `Task`."""
        total = 2 * (length + 1) if self.hints and self.style == "symbols" else length + 1
        if self.style == "text":
            return (
                super().longest_answer(length)
                if self.scratchpad == "steps"
                else 2 * total + len("The answer is .")
            )
        trace = {"none": 0, "columns": 5 * length + 1, "tail": tail.size(length, cells=5) + 1}
        return trace[self.scratchpad] + total + 1

    def chance(self, length: int) -> Chance:
        """See `Task`."""
        if self.operands != "equal" or self.carry != "uniform" or self.scratchpad == "steps":
            return super().chance(length)
        leading = self.pad == "zero" or length == 1  # 10^n numbers, else 9 * 10^(n - 1)
        numbers = 10.0**length * (1 if leading else 0.9)
        # as many sums are the smallest plus the largest operand as there are operands; a scratchpad shows both
        exact = numbers ** (-1 if self.scratchpad == "none" else -2) / (len(MARKERS) if self.hints else 1)
        if self.pad != "zero" or self.style == "text" or self.scratchpad != "none":
            return Chance(exact, super().chance(length).token_accuracy)
        markers = [1 / len(MARKERS)] * ((length + 1) * self.hints)
        return of_places(exact, [*markers, *[0.1] * length, (1 + 10.0**-length) / 2])

    def sample(self, length: int, count: int, generator: torch.Generator) -> Batch:
        """Draw additions; see `Task.sample`."""
        digits, sizes = self._operands(length, count, generator)
        total, carries = add(digits[0], digits[1])
        columns = torch.arange(length + 1)
        if self.pad == "none":
            sizes = torch.cat([sizes, 1 + ((total > 0) * columns).amax(1).unsqueeze(0)])
        else:
            sizes = torch.tensor([[length], [length], [length + 1]])
        kept = columns < sizes.unsqueeze(2)  # digits that are written, of both operands and of the answer
        if self.style == "text":
            parts = self.parts if self.scratchpad == "steps" else None
            text = words.write(digits, total, carries, kept, self.order, parts)
            return text.batch(length, count, self.vocabulary)
        start = torch.randint(len(MARKERS), (count, 1), generator=generator)
        turned = self.order == "little_endian"
        first, second = (
            self._written(digits[i], kept[i, :, :length], start, turned, generator) for i in range(2)
        )
        answer = self._written(total, kept[2], start, self.order != "plain")
        before = length + 3 if self.order == "plain" else 1  # the place next to the answer's first digit
        plus, equals, point = (
            self.vocabulary.span("+", 1),
            self.vocabulary.span("=", before),
            self.vocabulary.span(">", before),
        )
        trace: list[Span] = []
        written = [answer]
        if self.scratchpad != "none":
            equals, trace, written = (
                self.vocabulary.span("=", 1),
                [self._trace(digits, total, carries)],
                [point, answer],
            )
        coupled = self.order != "plain" or self.pad == "zero"  # else places would reveal the answer's length
        prompt = [first, plus, second, equals]
        return assemble(
            length, count, self.vocabulary, prompt, written, trace=trace, delimiter=tail.STEP, coupled=coupled
        )

    def _operands(
        self, length: int, count: int, generator: torch.Generator
    ) -> tuple[Int[Tensor, "2 batch length"], Int[Tensor, "2 batch"]]:
        """Draw the digits of both operands, least significant first, and their numbers of digits."""
        digits = torch.randint(10, (2, count, length), generator=generator)
        sizes = operand_sizes(self.operands, length, count, generator).squeeze(2)
        if self.carry == "heavy":
            digits = self._heavy(digits, sizes.amin(0).unsqueeze(1), generator)
        if self.carry == "full":
            digits, sizes = self._full(digits, sizes, generator)
        if self.pad == "none" and length > 1:  # no leading zero, except the number 0
            digits = without_leading_zeros(digits, sizes.unsqueeze(2), generator)
        return digits * (torch.arange(length) < sizes.unsqueeze(2)), sizes

    def _heavy(
        self,
        digits: Int[Tensor, "2 batch length"],
        shorter: Int[Tensor, "batch 1"],
        generator: torch.Generator,
    ) -> Int[Tensor, "2 batch length"]:
        """Start a carry where both operands have a digit, and propagate it through a random stretch."""
        _, count, length = digits.shape
        first = (torch.rand((count, 1), generator=generator) * shorter).long()
        last = first + (torch.rand((count, 1), generator=generator) * (length - first)).long()
        return self._chain(digits, shorter, first, last, generator)

    def _full(
        self,
        digits: Int[Tensor, "2 batch length"],
        sizes: Int[Tensor, "2 batch"],
        generator: torch.Generator,
    ) -> tuple[Int[Tensor, "2 batch length"], Int[Tensor, "2 batch"]]:
        """Make a carry through all columns, by pairs that sum to 9 or by 9…9 + 1; return digits and sizes."""
        _, count, length = digits.shape
        start = torch.zeros((count, 1), dtype=torch.long)
        digits = self._chain(digits, sizes.amin(0).unsqueeze(1), start, start + length - 1, generator)
        if self.pad == "none" and self.operands == "equal":
            return digits, sizes
        nines = torch.rand(count, generator=generator) < 0.5  # noqa: PLR2004
        small = (torch.rand(count, generator=generator) < 0.5).long()  # noqa: PLR2004
        side = torch.stack([small == 0, small == 1])  # the operand that is 1
        one = side.unsqueeze(2)
        extreme = torch.where(one, (torch.arange(length) == 0).long(), 9)
        digits = torch.where(nines.unsqueeze(1), extreme, digits)
        if self.operands != "equal":
            sizes = torch.where(nines, torch.where(side, 1, length), sizes)
        return digits, sizes

    def _chain(
        self,
        digits: Int[Tensor, "2 batch length"],
        shorter: Int[Tensor, "batch 1"],
        first: Int[Tensor, "batch 1"],
        last: Int[Tensor, "batch 1"],
        generator: torch.Generator,
    ) -> Int[Tensor, "2 batch length"]:
        """Start a carry in the column `first` and propagate it, by digits that sum to 9, up to the column `last`."""
        _, count, length = digits.shape
        column = torch.arange(length)
        one = torch.randint(1, 9, (count, length), generator=generator)
        start = 10 - one + (torch.rand((count, length), generator=generator) * one).long()
        other = torch.where(column == first, start, 9 - one)
        pair = torch.where(
            column < shorter, torch.stack([one, other]), 9
        )  # further left only the longer operand has digits
        return torch.where((first <= column) & (column <= last), pair, digits)

    def _written(
        self,
        digits: Int[Tensor, "batch digits"],
        kept: Bool[Tensor, "#batch digits"],
        start: Int[Tensor, "batch 1"],
        turned: bool,
        generator: torch.Generator | None = None,
    ) -> Span:
        """Write a number as tokens: per digit an optional blank (given a generator), an optional marker, the digit."""
        count, width = digits.shape
        columns = torch.arange(width).unsqueeze(0)  # places are the same in every row
        cells, places = [digits + len(SPECIAL)], [columns + 2]
        if self.hints:
            cells.insert(0, (start + columns) % len(MARKERS) + self.vocabulary[MARKERS[0]])
            places.insert(0, columns + 2)
        if self.blanks and generator is not None:
            blank = torch.rand((count, width), generator=generator) < 0.5  # noqa: PLR2004
            cells.insert(0, blank * self.vocabulary[" "])
            places.insert(0, torch.zeros_like(columns))
        tokens = torch.stack(cells, 2) * kept.unsqueeze(2) + PAD
        where = torch.stack(places, 2)
        if not turned:
            tokens, where = tokens.flip(1), where.flip(1)
        return Span(tokens.flatten(1), where.flatten(1))

    def _trace(
        self,
        digits: Int[Tensor, "2 batch length"],
        total: Int[Tensor, "batch answer"],
        carries: Bool[Tensor, "batch length"],
    ) -> Span:
        """Scratchpad, column by column from the right: both digits, digit of the sum, carry, comma; or a `tail` trace."""
        length = carries.shape[1]
        if self.scratchpad == "tail":
            incoming, outgoing = torch.nn.functional.pad(carries[:, :-1].long(), (1, 0)), carries.long()
            fetched, written = (digits[0], digits[1], incoming), (total[:, :length], outgoing)
            return tail.trace(
                self.vocabulary, *([part + len(SPECIAL) for part in cells] for cells in (fetched, written))
            )
        figures = torch.stack([digits[0], digits[1], total[:, :length], carries.long()], 2) + len(SPECIAL)
        comma = torch.full_like(figures[:, :, :1], self.vocabulary[","])
        places = torch.arange(2, length + 2).repeat_interleave(5).unsqueeze(0)
        return Span(torch.cat([figures, comma], 2).flatten(1), places)


def add(
    first: Int[Tensor, "batch length"], second: Int[Tensor, "batch length"]
) -> tuple[Int[Tensor, "batch answer"], Bool[Tensor, "batch length"]]:
    """Digits of the sum, least significant first and one longer, and the carry out of every column.

    A column that sums to 9 propagates an incoming carry, so that its carry is that of the last lower column with another
    sum (carry look-ahead: a running maximum instead of a loop over digits).
    """
    sums = first + second
    settled = torch.where(sums != 9, torch.arange(sums.shape[1]), -1).cummax(1).values  # noqa: PLR2004
    carries = (settled >= 0) & (sums.gather(1, settled.clamp(min=0)) > 9)  # noqa: PLR2004
    incoming = torch.nn.functional.pad(carries.long(), (1, 0))
    return (torch.nn.functional.pad(sums, (0, 1)) + incoming) % 10, carries
