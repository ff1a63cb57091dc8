"""Lookup: a chain of functions given as tables (Liska et al. 2018; Csordás et al. 2022, section 4).

In these papers the tables are fixed and must be memorized, and the chain is written forward (`x f g`: functions in the
order of application) or backward (`g f x`: as in mathematics). Here the tables can also be part of the prompt, drawn anew
for every example.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import torch
from jaxtyping import Int
from torch import Tensor

from lengen.config.errors import require
from lengen.sampling import orders
from lengen.task import SEP, SPECIAL, Batch, Span, Task, Vocabulary, assemble, letters
from lengen.task.chance import Chance, independent, of_places

LETTERS = 26


@dataclass(frozen=True)
class Lookup(Task):
    """Apply a chain of functions to a value. Length: steps, the number of functions in the chain.

    >>> print(Lookup(tables="fixed").show(length=4))
    aBBAB# -> b⏎
    >>> print(Lookup(functions=2, values=2).show(length=4))
    BbbAbbBaaAaa:bBBBB# -> b⏎
    >>> print(Lookup(tables="fixed", direction="backward", scratchpad="running").show(length=4))
    BABBa# -> aacb⏎

    Args:
        direction: `forward` gives the value and then the functions in the order of application; `backward` the functions
            from the last to the first, and then the value.
        tables: `given` in every prompt (function, argument and value of each entry, in random order), or `fixed`: the
            same for all examples and not in the prompt.
        functions: number of functions (A to Z), each a permutation of the values.
        values: number of values (a to z).
        scratchpad: `none` writes only the last value, `running` writes the value after every step.
        chain: `mixed` functions, or one function `iterated`.
    """

    direction: Literal["forward", "backward"] = "forward"
    tables: Literal["given", "fixed"] = "given"
    functions: int = 2
    values: int = 4
    scratchpad: Literal["none", "running"] = "none"
    chain: Literal["mixed", "iterated"] = "mixed"

    def __post_init__(self) -> None:
        for name in ("functions", "values"):
            value = getattr(self, name)
            require(1 <= value <= LETTERS, f"task.{name}={value}: must be from 1 to {LETTERS}")

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """Values, functions, and the colon after the tables."""
        names = letters(LETTERS + self.functions)
        return Vocabulary((*names[: self.values], *names[LETTERS:], ":"))

    def stress_sets(self) -> Mapping[str, Task]:
        """One function iterated: all steps look alike, so that they must be counted."""
        return {"iterated": replace(self, chain="iterated")}

    def longest_answer(self, length: int) -> int:
        """See `Task`."""
        return (length if self.scratchpad == "running" else 1) + 1

    def chance(self, length: int) -> Chance:
        """See `Task`."""
        places = [1 / self.values] * (length if self.scratchpad == "running" else 1)
        if len(places) == 1 or self.values == 1:
            return independent(places)
        if self.tables == "given" or self.chain == "iterated":
            return of_places(super().chance(length).exact_match, places)
        tables = self._tables(1, torch.Generator())[0]
        steps = torch.nn.functional.one_hot(tables, self.values).double().mean(0)
        paths = torch.full((self.values,), 1 / self.values, dtype=torch.double)
        for _ in range(length - 1):  # all paths of a step are known; that of the start is uniform
            paths = (paths.unsqueeze(1) * steps).amax(0)
        return of_places(float(paths.max()), places)

    def result_chance(self, length: int) -> Chance:
        """See `Task`."""
        return replace(self, scratchpad="none").chance(length)

    def sample(self, length: int, count: int, generator: torch.Generator) -> Batch:
        """Draw tables, a value and a chain; see `Task.sample`."""
        tables = self._tables(count, generator)
        start = torch.randint(self.values, (count, 1), generator=generator)
        width = 1 if self.chain == "iterated" else length
        chain = torch.randint(self.functions, (count, width), generator=generator).expand(-1, length)
        states = apply(tables, start, chain) + len(SPECIAL)
        index = torch.arange(2, length + 2).unsqueeze(0)
        value, applied = Span(start + len(SPECIAL), 1), Span(self._name(chain), index)
        if self.direction == "backward":
            applied = Span(applied.tokens.flip(1), index.flip(1))
        question = [value, applied] if self.direction == "forward" else [applied, value]
        # next to the place of the first token of the answer
        separator = Span(torch.full((1, 1), SEP), 1 if self.scratchpad == "running" else length)
        given = self._entries(tables, generator) if self.tables == "given" else []
        before, last = Span(states[:, :-1], index[:, :-1]), Span(states[:, -1:], index[:, -1:])
        return assemble(
            length,
            count,
            self.vocabulary,
            [*given, *question, separator],
            [last],
            trace=[before] if self.scratchpad == "running" else [],
        )

    def _tables(self, count: int, generator: torch.Generator) -> Int[Tensor, "batch functions values"]:
        """Draw the functions as tables of values by argument."""
        if self.tables == "fixed":
            count, generator = 1, torch.Generator().manual_seed(0)
        return orders((count, self.functions, self.values), generator)

    def _entries(
        self, tables: Int[Tensor, "batch functions values"], generator: torch.Generator
    ) -> list[Span]:
        """Write function, argument and value of every entry, in random order, and a colon."""
        count = tables.shape[0]
        order = orders((count, self.functions * self.values), generator)
        function, argument = order // self.values, order % self.values
        value = tables.flatten(1).gather(1, order)
        entries = [self._name(function), argument + len(SPECIAL), value + len(SPECIAL)]
        return [Span(torch.stack(entries, 2).flatten(1)), self.vocabulary.span(":")]

    def _name(self, functions: Int[Tensor, "batch functions"]) -> Int[Tensor, "batch functions"]:
        """Ids of functions given by index."""
        return functions + len(SPECIAL) + self.values


def apply(
    tables: Int[Tensor, "#batch functions values"],
    start: Int[Tensor, "batch 1"],
    chain: Int[Tensor, "batch length"],
) -> Int[Tensor, "batch length"]:
    """The value after every step; the loop over steps is vectorized over the batch."""
    row = torch.arange(len(start)) if len(tables) > 1 else torch.zeros(len(start), dtype=torch.long)
    state, states = start[:, 0], []
    for function in chain.unbind(1):
        state = tables[row, function, state]
        states.append(state)
    return torch.stack(states, 1)
