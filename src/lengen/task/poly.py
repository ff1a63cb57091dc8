"""Evaluation of a polynomial modulo 10 (Kazemnejad et al. 2023, appendix D: Polynomial Evaluation)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from lengen.config.errors import require
from lengen.task import DIGITS, SPECIAL, Batch, Span, Task, Vocabulary, assemble
from lengen.task.chance import Chance, independent, of_places, one_place
from lengen.task.text import poly as words
from lengen.task.text.scratchpad import check, every


@dataclass(frozen=True)
class Poly(Task):
    """Evaluate a polynomial modulo 10. Length: terms.

    A term is a signed coefficient, `x` and a power. Powers occur in any order and may repeat, as in the paper's code, whose
    ranges are the defaults here. Negative values are reduced modulo 10 too (-3 is 7).

    >>> print(Poly().show(length=3, seed=1))
    x=-1:-3x0+0x3+1x1= -> 6⏎
    >>> print(Poly(scratchpad="terms").show(length=3, seed=1))
    x=-1:-3x0+0x3+1x1= -> 770796⏎
    >>> print(Poly(style="text").show(length=3, seed=1))
    Evaluate at x = - 1 in - 3 * x ** 0 + 0 * x ** 3 + 1 * x ** 1 ?  -> The answer is 6.⏎

    Args:
        coefficient: largest absolute value of coefficients, which are uniform; from 1 to 9.
        power: largest power; powers are uniform from 0; from 0 to 9.
        point: largest absolute value of x, which is uniform; from 1 to 9.
        scratchpad: `none` writes only the answer, one digit; `terms` writes the value of each term and the running sum,
            both modulo 10, the last of which is the answer; `steps` is for text.
        style: `symbols`, or `text`: the format of Kazemnejad et al. 2023, in characters.
        parts: parts of each step of the scratchpad `steps`: input, computation, output, variables, remaining.
    """

    coefficient: int = 3
    power: int = 3
    point: int = 2
    scratchpad: Literal["none", "terms", "steps"] = "none"
    style: Literal["symbols", "text"] = "symbols"
    parts: list[str] = field(default_factory=every)

    def __post_init__(self) -> None:
        for name, least in (("coefficient", 1), ("power", 0), ("point", 1)):
            value = getattr(self, name)
            require(least <= value < len(DIGITS), f"task.{name}={value}: must be from {least} to 9")
        check(self.style, self.scratchpad, self.parts, every())

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """Digits, signs and the variable."""
        if self.style == "text":
            return words.VOCABULARY
        return Vocabulary((*DIGITS, "+", "-", "x", "=", ":"))

    def longest_answer(self, length: int) -> int:
        """See `Task`."""
        if self.style == "text":
            return (
                super().longest_answer(length) if self.scratchpad == "steps" else len("The answer is 6.") + 1
            )
        return (2 * length if self.scratchpad == "terms" else 1) + 1

    def chance(self, length: int) -> Chance:
        """See `Task`."""
        if self.scratchpad == "steps":
            return super().chance(length)
        terms = self._terms
        shift = (torch.arange(10).unsqueeze(1) - torch.arange(10)) % 10
        sums = [terms]
        for _ in range(length - 1):
            sums.append((terms[:, shift] @ sums[-1].unsqueeze(2)).squeeze(2))
        states = torch.stack([each.mean(0).max() for each in sums])
        if self.style == "text":
            return one_place(words.ANSWER.format(answer=0), float(states[-1]))
        if self.scratchpad == "none":
            return independent([float(states[-1])])
        # of sequences of terms that are independent given x, none is likelier than one value repeated (Hoelder)
        exact = float((terms**length).mean(0).max())
        return of_places(exact, [float(terms.mean(0).max())] * length + states.tolist())

    @property
    def _terms(self) -> Float[Tensor, "points values"]:
        """Probability of every value of a term modulo 10, at every x."""
        coefficients = torch.arange(-self.coefficient, self.coefficient + 1).view(-1, 1)
        points = torch.arange(-self.point, self.point + 1).view(-1, 1, 1)
        values = coefficients * points ** torch.arange(self.power + 1) % 10
        return torch.nn.functional.one_hot(values.flatten(1), 10).double().mean(1)

    def result_chance(self, length: int) -> Chance:
        """See `Task`."""
        return replace(self, scratchpad="none", parts=every()).chance(length)

    def sample(self, length: int, count: int, generator: torch.Generator) -> Batch:
        """Draw polynomials; see `Task.sample`."""
        coefficients, powers, point = (
            torch.randint(low, high + 1, (count, size), generator=generator)
            for low, high, size in (
                (-self.coefficient, self.coefficient, length),
                (0, self.power, length),
                (-self.point, self.point, 1),
            )
        )
        if self.style == "text":
            parts = self.parts if self.scratchpad == "steps" else None
            text = words.write(coefficients, powers, point.squeeze(1), len(DIGITS), parts)
            return text.batch(length, count, self.vocabulary)
        values = coefficients * point**powers % 10
        sums = values.cumsum(1) % 10
        variable = torch.full_like(powers, self.vocabulary["x"])
        terms = torch.stack([*self._signed(coefficients), variable, powers + len(SPECIAL)], 2)
        index = torch.arange(2, length + 2).unsqueeze(0)
        prompt = [
            self.vocabulary.span("x="),
            Span(torch.cat(self._signed(point), 1)),
            self.vocabulary.span(":"),
            Span(terms.flatten(1), index.repeat_interleave(4, 1)),
            self.vocabulary.span("=", 1),
        ]
        answer = Span(sums[:, -1:] + len(SPECIAL), index[:, -1:])
        if self.scratchpad == "none":
            return assemble(length, count, self.vocabulary, prompt, [answer], coupled=False)
        written = torch.stack([values, sums], 2).flatten(1) + len(SPECIAL)
        trace = Span(written[:, :-1], index.repeat_interleave(2, 1)[:, :-1])
        return assemble(length, count, self.vocabulary, prompt, [answer], trace=[trace])

    def _signed(
        self, numbers: Int[Tensor, "batch numbers"]
    ) -> tuple[Int[Tensor, "batch numbers"], Int[Tensor, "batch numbers"]]:
        """Ids of the signs and of the digits of numbers; zero has a plus."""
        plus, minus = self.vocabulary["+"], self.vocabulary["-"]
        return torch.where(numbers < 0, minus, plus), numbers.abs() + len(SPECIAL)
