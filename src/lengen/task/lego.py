"""LEGO: follow a chain of signed assignments (Zhang et al. 2022; Kazemnejad et al. 2023, appendix D)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import torch
from jaxtyping import Int
from torch import Tensor

from lengen.config.errors import require, require_length
from lengen.sampling import orders
from lengen.task import PAD, SEP, SPECIAL, Batch, Span, Task, Vocabulary, assemble, letters
from lengen.task.chance import Chance, one_place
from lengen.task.text import lego as words
from lengen.task.text.scratchpad import check, without_variables

SIGNS = ("+", "-")
CLAUSE = 5
"""Tokens of a clause and its comma, such as `c=+t,`."""


@dataclass(frozen=True)
class Lego(Task):
    """Find the value of a variable in a chain of assignments. Length: variables.

    The first variable is 1 or -1; each other variable is plus or minus the one before it in the chain.

    >>> print(Lego().show(length=4, count=2))
    d=-c,s=+d,c=-m,m=-1?s# -> -1⏎
    r=+j,b=+r,s=-b,j=-1?s# -> +1⏎
    >>> print(Lego(scratchpad="chain").show(length=4))
    d=-c,s=+d,m=-1,c=-m?s# -> m=-1,c=+1,d=-1,s=-1⏎
    >>> print(Lego(style="text").show(length=3))
    If c = - m, m = -1, d = - c. Then, what is the value of d?  -> The answer is -1.⏎

    Args:
        alphabet: number of variable names; the variables of an example have different names.
        asked: the queried variable: the `last` of the chain; `any` one, drawn uniformly; or one of the `later` half, drawn
            uniformly (Kazemnejad et al. 2023: the floor(n/2) last variables; here also the only one of length 1).
        order: order of the clauses: `shuffled`, `forward` along the chain, or `reversed`.
        scratchpad: `chain` writes the value of every variable along the chain, up to the queried one; `steps` is for
            text.
        style: `symbols`, or `text`: the format of Kazemnejad et al. 2023, in characters.
        parts: parts of each step of the scratchpad `steps`: input, computation, output, remaining.
    """

    alphabet: int = 26
    asked: Literal["last", "any", "later"] = "last"
    order: Literal["shuffled", "forward", "reversed"] = "shuffled"
    scratchpad: Literal["none", "chain", "steps"] = "none"
    style: Literal["symbols", "text"] = "symbols"
    parts: list[str] = field(default_factory=without_variables)

    def __post_init__(self) -> None:
        require(self.alphabet >= 1, f"task.alphabet={self.alphabet}: must be at least 1")
        check(self.style, self.scratchpad, self.parts, without_variables())

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """Variable names, signs, 1, and punctuation."""
        names = letters(self.alphabet)
        if self.style == "text":
            return words.vocabulary(names)
        return Vocabulary((*names, *SIGNS, "1", "=", ",", "?"))

    def stress_sets(self) -> Mapping[str, Task]:
        """Clauses in reverse order, where each refers to the next one."""
        return {"reversed": replace(self, order="reversed")}

    def longest_answer(self, length: int) -> int:
        """See `Task`."""
        if self.style == "text":
            return (
                super().longest_answer(length) if self.scratchpad == "steps" else len("The answer is +1.") + 1
            )
        return CLAUSE * length if self.scratchpad == "chain" else 3

    def chance(self, length: int) -> Chance:
        """See `Task`."""
        if self.scratchpad == "none":
            return one_place(words.ANSWER.format(answer="+1") if self.style == "text" else "+1", 0.5)
        chance = super().chance(length)
        if self.scratchpad == "steps":
            return chance
        first = self._earliest(length)  # the shortest scratchpad is the likeliest
        chains = math.perm(self.alphabet, first + 1) * 2.0 ** (first + 1)
        return Chance(1 / ((length - first) * chains), chance.token_accuracy)

    def result_chance(self, length: int) -> Chance:
        """See `Task`."""
        return replace(self, scratchpad="none", parts=without_variables()).chance(length)

    def sample(self, length: int, count: int, generator: torch.Generator) -> Batch:
        """Draw chains; see `Task.sample`."""
        require_length(
            length <= self.alphabet,
            length,
            f"task.alphabet={self.alphabet} allows at most {self.alphabet} variables",
        )
        names = orders((count, self.alphabet), generator)[:, :length] + len(SPECIAL)
        minus = torch.randint(2, (count, length), generator=generator)
        order = self._order(length, count, generator)
        query = torch.randint(self._earliest(length), length, (count, 1), generator=generator)
        if self.style == "text":
            parts = self.parts if self.scratchpad == "steps" else None
            text = words.write(
                names - len(SPECIAL), minus, order, query.squeeze(1), letters(self.alphabet), parts
            )
            return text.batch(length, count, self.vocabulary)
        one = torch.full((count, 1), self.vocabulary["1"])
        values = minus.cumsum(1) % 2
        given = self._clauses(names, minus, torch.cat([one, names[:, :-1]], 1))
        solved = self._clauses(names, values, one.expand(-1, length)).flatten(1)
        places = torch.arange(2, length + 2).expand(count, -1)
        read = [
            Span(
                given.gather(1, order.unsqueeze(2).expand(-1, -1, CLAUSE)).flatten(1)[:, :-1],
                places.gather(1, order).repeat_interleave(CLAUSE, 1)[:, :-1],
            ),
            self.vocabulary.span("?", query + 2),
            Span(names.gather(1, query), query + 2),
            Span(torch.full((1, 1), SEP), 1),
        ]
        result = torch.cat([self._signs(values.gather(1, query)), one], 1)
        trace = []
        if self.scratchpad == "chain":
            shown = torch.arange(solved.shape[1]) < CLAUSE * query + 2  # up to `c=` of the queried variable
            trace = [Span(solved.masked_fill(~shown, PAD), places.repeat_interleave(CLAUSE, 1))]
        return assemble(
            length,
            count,
            self.vocabulary,
            read,
            [Span(result, (query + 2).expand(-1, 2))],
            trace=trace,
            delimiter="=",
            coupled=self.order != "shuffled" and self.asked == "last",
        )

    def _earliest(self, length: int) -> int:
        """Index in the chain of the first variable that can be queried."""
        return {"last": length - 1, "any": 0, "later": length - max(length // 2, 1)}[self.asked]

    def _order(self, length: int, count: int, generator: torch.Generator) -> Int[Tensor, "batch length"]:
        """Index in the chain of every clause of the prompt."""
        if self.order == "shuffled":
            return orders((count, length), generator)
        forward = torch.arange(length).expand(count, -1)
        return forward if self.order == "forward" else forward.flip(1)

    def _clauses(
        self,
        names: Int[Tensor, "batch length"],
        minus: Int[Tensor, "batch length"],
        others: Int[Tensor, "batch length"],
    ) -> Int[Tensor, "batch length 5"]:
        """Ids of clauses: name, equals sign, sign, another name or 1, comma."""
        equals, comma = (torch.full_like(names, self.vocabulary[sign]) for sign in "=,")
        return torch.stack([names, equals, self._signs(minus), others, comma], 2)

    def _signs(self, minus: Int[Tensor, "batch some"]) -> Int[Tensor, "batch some"]:
        return minus + self.vocabulary[SIGNS[0]]
