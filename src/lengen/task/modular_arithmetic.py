"""Arithmetic modulo a small number, with and without brackets (Delétang et al. 2023, appendix A)."""

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
from lengen.task.chance import Chance, independent

ADD, SUBTRACT, MULTIPLY = range(3)


@dataclass(frozen=True)
class ModularArithmetic(Task):
    """Value of an expression modulo a number. Length: symbols of the expression.

    >>> print(ModularArithmetic().show(length=7, count=2))
    4+4*3*0= -> 4⏎
    3+4-2*3= -> 1⏎
    >>> print(ModularArithmetic(brackets=True).show(length=14))
    (-3-(4*(2*1)))= -> 4⏎

    Without brackets, digits and signs alternate; products take precedence over sums and differences, which are evaluated
    from left to right. The paper has only odd lengths; an even one starts with a minus, which belongs to the first
    product.

    With brackets, an expression of 1 to 4 symbols is d, -d, (d) or (-d); a longer one is (left sign right), and the
    remaining symbols are split uniformly between left and right.

    Args:
        modulus: the modulus; digits below it are drawn uniformly.
        brackets: whether the expression has brackets.
        nesting: nesting of brackets: `uniform` as above, or the `deepest`, where every left side is a digit.
    """

    modulus: int = 5
    brackets: bool = False
    nesting: Literal["uniform", "deepest"] = "uniform"

    def __post_init__(self) -> None:
        require(2 <= self.modulus <= len(DIGITS), f"task.modulus={self.modulus}: must be from 2 to 10")  # noqa: PLR2004

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """Digits, signs and brackets."""
        return Vocabulary((*DIGITS[: self.modulus], "+", "-", "*", "(", ")", "="))

    def stress_sets(self) -> Mapping[str, Task]:
        """With brackets: the deepest nesting that the length allows."""
        return {"deep": replace(self, nesting="deepest")} if self.brackets else {}

    def longest_answer(self, length: int) -> int:
        """See `Task`."""
        return 2

    def chance(self, length: int) -> Chance:
        """See `Task`."""
        if self.brackets:
            return super().chance(length)
        number = self.modulus
        total, product, digit = (
            torch.arange(number).view(shape) for shape in ((-1, 1, 1), (1, -1, 1), (1, 1, -1))
        )
        added, zero = (total + product) % number, torch.zeros((), dtype=torch.long)
        after = [  # total and product after a plus, a minus and a times
            (added + zero * digit) * number + sign * digit % number for sign in (1, -1)
        ]
        after.append(total * number + product * digit % number)
        weight = torch.full((number,) * 3, 1 / number, dtype=torch.double)
        shares = torch.zeros((number, number), dtype=torch.double)
        shares[0] = 1 / number  # the first product is a digit, or minus one
        for _ in range((length + 1) // 2 - 1):
            flow = (shares.unsqueeze(2) * weight).flatten() / len(after)
            shares = torch.zeros(number**2, dtype=torch.double)
            for index in after:
                shares.index_add_(0, index.flatten(), flow)
            shares = shares.view(number, number)
        values = torch.zeros(number, dtype=torch.double)
        return independent([float(values.index_add_(0, added.flatten(), shares.flatten()).max())])

    def sample(self, length: int, count: int, generator: torch.Generator) -> Batch:
        """Draw expressions; see `Task.sample`."""
        draw = self._nested if self.brackets else self._flat
        tokens, value = draw(length, count, generator)
        prompt = [Span(tokens), self.vocabulary.span("=")]
        answer = Span((value + self.vocabulary["0"]).unsqueeze(1))
        return assemble(length, count, self.vocabulary, prompt, [answer], coupled=False)

    def _flat(
        self, length: int, count: int, generator: torch.Generator
    ) -> tuple[Int[Tensor, "batch length"], Int[Tensor, " batch"]]:
        """Draw expressions without brackets, as tokens, and their values."""
        terms = (length + 1) // 2
        digits = torch.randint(self.modulus, (count, terms), generator=generator)
        signs = torch.randint(3, (count, terms), generator=generator)
        signs[:, 0] = SUBTRACT if length % 2 == 0 else ADD
        tokens = torch.stack([signs + self.vocabulary["+"], digits + self.vocabulary["0"]], 2).flatten(1)
        total = product = torch.zeros(count, dtype=torch.long)
        for sign, digit in zip(signs.unbind(1), digits.unbind(1), strict=True):
            times = sign == MULTIPLY
            total = torch.where(times, total, total + product)
            product = torch.where(times, product * digit, torch.where(sign == SUBTRACT, -digit, digit))
            product = product % self.modulus
        return tokens[:, 2 * terms - length :], (total + product) % self.modulus

    def _nested(
        self, length: int, count: int, generator: torch.Generator
    ) -> tuple[Int[Tensor, "batch length"], Int[Tensor, " batch"]]:
        """Draw expressions with brackets, as tokens, and their values."""
        digits = torch.randint(self.modulus, (count, length), generator=generator)
        signs = torch.randint(3, (count, length), generator=generator)
        sizes, middles = self._tree(length, count, generator)
        bracketed = sizes >= 3  # noqa: PLR2004
        open_, close, minus, plus, zero = (self.vocabulary[symbol] for symbol in "()-+0")
        tokens = torch.where(bracketed, open_, torch.where(sizes == 2, minus, digits + zero))  # noqa: PLR2004
        ends = torch.where(bracketed, torch.arange(length) + sizes - 1, length)
        tokens = pad(tokens, (0, 1)).scatter(1, middles, signs + plus)
        tokens = tokens.scatter(1, ends, torch.full_like(ends, close))[:, :length]
        values = pad(digits, (0, 2))
        for column in reversed(range(length)):
            size, inner = sizes[:, column], values[:, column + 1]
            right = values.gather(1, middles[:, column : column + 1] + 1)[:, 0]
            both = torch.stack([inner + right, inner - right, inner * right])
            single = torch.where(size == 2, -inner, inner)  # noqa: PLR2004
            value = torch.where(size > 4, both.gather(0, signs[None, :, column])[0], single)  # noqa: PLR2004
            values[:, column] = torch.where(size > 1, value, values[:, column]) % self.modulus
        return tokens, values[:, 0]

    def _tree(
        self, length: int, count: int, generator: torch.Generator
    ) -> tuple[Int[Tensor, "batch length"], Int[Tensor, "batch length"]]:
        """Draw, for every column, the size of the expression that starts there and the column of its sign.

        No two expressions start in the same column, and each starts left of its parts. A size of 0 means no expression; a
        column of `length` means no sign.
        """
        fraction = torch.rand((count, length), generator=generator) * (self.nesting == "uniform")
        sizes = torch.zeros((count, length + 2), dtype=torch.long)
        sizes[:, 0] = length
        middles = torch.full((count, length), length)
        for column in range(length):
            size = sizes[:, column]
            splits = size > 4  # noqa: PLR2004
            left = 1 + (fraction[:, column] * (size - 4)).long()
            inner = torch.where(splits, left, (size - 2).clamp(min=1))
            sizes[:, column + 1] = torch.where(size > 1, inner, sizes[:, column + 1])
            middles[:, column] = torch.where(splits, column + 1 + left, length)
            sizes.scatter_(1, middles[:, column : column + 1] + 1, (size - 3 - left).unsqueeze(1))
        return sizes[:, :length], middles
