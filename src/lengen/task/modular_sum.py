"""Sum of single digits modulo a number (Kazemnejad et al. 2023, appendix D: Sum)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from lengen.config.errors import require
from lengen.task import DIGITS, SPECIAL, Batch, Span, Task, Vocabulary, assemble
from lengen.task.chance import Chance, independent, of_places, one_place
from lengen.task.text import modular_sum as words
from lengen.task.text.scratchpad import check, every


@dataclass(frozen=True)
class ModularSum(Task):
    """Add single digits modulo a number, by default 10. Length: terms.

    >>> print(ModularSum().show(length=4))
    4+9+3+0= -> 6⏎
    >>> print(ModularSum(scratchpad="running").show(length=4))
    4+9+3+0= -> 4366⏎
    >>> print(ModularSum(style="text").show(length=4))
    Compute: 4 + 9 + 3 + 0 . -> The answer is 6 .⏎
    >>> print(ModularSum(style="text", least=1, separator=True).show(length=4))
    Compute: 9 + 1 + 3 + 7 .[SEP]  -> The answer is 0 .⏎

    Args:
        modulus: modulus of the sum, from 2 to 10; terms are below it.
        least: the smallest term, 0 or 1 (Kazemnejad et al. 2023: 1, so terms from 1 to 9).
        scratchpad: `none` writes only the answer, one digit; `running` writes the sum of every prefix, the last of which
            is the answer; `steps` is for text.
        terms: `uniform`; `equal`: one digit repeated; or `sparse`: zeros, except for one uniform term at a uniform
            position in half of the sums.
        style: `symbols`, or `text`: the format of Kazemnejad et al. 2023, in characters.
        separator: whether text has `[SEP] ` at the end of the prompt, as in that paper's configuration.
        parts: parts of each step of the scratchpad `steps`: input, computation, output, variables, remaining.
    """

    modulus: int = 10
    least: Literal[0, 1] = 0
    scratchpad: Literal["none", "running", "steps"] = "none"
    terms: Literal["uniform", "equal", "sparse"] = "uniform"
    style: Literal["symbols", "text"] = "symbols"
    separator: bool = False
    parts: list[str] = field(default_factory=every)

    def __post_init__(self) -> None:
        require(2 <= self.modulus <= len(DIGITS), f"task.modulus={self.modulus}: must be from 2 to 10")  # noqa: PLR2004
        check(self.style, self.scratchpad, self.parts, every())
        require(
            self.style == "text" or not self.separator,
            f"task.separator=true with task.style={self.style}: must be false",
        )

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The digits below the modulus, and two signs."""
        if self.style == "text":
            return words.vocabulary(separator=self.separator)
        return Vocabulary((*DIGITS[: self.modulus], "+", "="))

    def stress_sets(self) -> Mapping[str, Task]:
        """One digit repeated, whose sum depends on the whole length, and zeros, where one term decides."""
        return {"equal": replace(self, terms="equal"), "sparse": replace(self, terms="sparse")}

    def longest_answer(self, length: int) -> int:
        """See `Task`."""
        if self.style == "text":
            return (
                super().longest_answer(length) if self.scratchpad == "steps" else len("The answer is 6 .") + 1
            )
        return (length if self.scratchpad == "running" else 1) + 1

    def chance(self, length: int) -> Chance:
        """See `Task`."""
        if self.scratchpad == "steps":
            return super().chance(length)
        shares = self._shares(length)
        last = float(shares[-1].max())
        if self.style == "text":
            return one_place(words.ANSWER.format(answer=0), last)
        if self.scratchpad == "none":
            return independent([last])
        many, digits = self.terms == "uniform", self.modulus - self.least
        exact = float(digits) ** -(length if many else 1)
        if self.terms == "sparse":
            exact = 0.5 + 0.5 * (1 - self.least) / digits
        return of_places(exact, shares.amax(1).tolist())

    def _shares(self, length: int) -> Float[Tensor, "length modulus"]:
        """Probability of every value of every prefix sum."""
        drawn = torch.arange(self.least, self.modulus)
        term = torch.zeros(self.modulus, dtype=torch.double).index_fill(0, drawn, 1 / len(drawn))
        value, places = torch.arange(self.modulus), torch.arange(1, length + 1).unsqueeze(1)
        if self.terms == "equal":
            sums = places * drawn % self.modulus
            return (sums.unsqueeze(2) == value).double().mean(1)
        if self.terms == "sparse":
            came = places.double() / length / 2
            return came * term + (1 - came) * (value == 0)
        add, shares = term[(value.unsqueeze(1) - value) % self.modulus], [term]
        for _ in range(length - 1):
            shares.append(add @ shares[-1])
        return torch.stack(shares)

    def result_chance(self, length: int) -> Chance:
        """See `Task`."""
        return replace(self, scratchpad="none", parts=every()).chance(length)

    def sample(self, length: int, count: int, generator: torch.Generator) -> Batch:
        """Draw sums; see `Task.sample`."""
        terms = self._draw(length, count, generator)
        if self.style == "text":
            parts = self.parts if self.scratchpad == "steps" else None
            text = words.write(terms, self.modulus, parts, separator=self.separator)
            return text.batch(length, count, self.vocabulary)
        sums = terms.cumsum(1) % self.modulus
        index = torch.arange(2, length + 2).unsqueeze(0)
        if self.scratchpad == "none":
            index = torch.full_like(index, 2)  # the answer depends on all terms alike
        signs = torch.full_like(terms, self.vocabulary["+"])
        signs[:, -1] = self.vocabulary["="]
        tokens = torch.stack([terms + len(SPECIAL), signs], 2).flatten(1)
        places = torch.stack([index, torch.zeros_like(index)], 2).flatten(1)
        places[:, -1] = 1
        trace = [Span(sums[:, :-1] + len(SPECIAL), index[:, :-1])] if self.scratchpad == "running" else []
        answer = Span(sums[:, -1:] + len(SPECIAL), index[:, -1:])
        return assemble(length, count, self.vocabulary, [Span(tokens, places)], [answer], trace=trace)

    def _draw(self, length: int, count: int, generator: torch.Generator) -> Int[Tensor, "batch length"]:
        if self.terms == "equal":
            return torch.randint(self.least, self.modulus, (count, 1), generator=generator).repeat(1, length)
        terms = torch.randint(self.least, self.modulus, (count, length), generator=generator)
        if self.terms == "sparse":
            place = torch.randint(length, (count, 1), generator=generator)
            has_term = torch.rand((count, 1), generator=generator) < 0.5  # noqa: PLR2004
            terms = terms * ((torch.arange(length) == place) & has_term)
        return terms
