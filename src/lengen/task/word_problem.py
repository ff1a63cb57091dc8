"""The word problem of a finite group, given by permutations (Liu et al. 2023a; Merrill et al. 2024, section 5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import torch

from lengen.config.errors import require
from lengen.task import DIGITS, Batch, Task, Vocabulary
from lengen.task.automaton import Automaton

LARGEST = 1000
"""Elements of the largest group that is allowed."""


@dataclass(frozen=True)
class WordProblem(Task):
    """Multiply elements of a group. Length: elements read.

    An element is a permutation, written as the images of 0, 1, 2, …; in a product the one read first acts first.

    >>> print(WordProblem(generators=["120", "102"]).show(length=3))
    102 201 210 # -> 201 ⏎

    Args:
        generators: permutations of the same points, at most ten, whose products are the group.
        symbols: what is read: `elements` of the group, or its `generators` alone.
        scratchpad: as of `Automaton`, whose states are the elements: the products so far.
        drawn: as of `Automaton`; `equal` asks for the power of one element.
    """

    generators: list[str]
    symbols: Literal["elements", "generators"] = "elements"
    scratchpad: Literal["none", "running", "interleaved"] = "none"
    drawn: Literal["uniform", "equal"] = "uniform"

    def __post_init__(self) -> None:
        points = "".join(DIGITS)[: len(self.generators[0])] if self.generators else ""
        require(
            bool(points) and all(sorted(permutation) == list(points) for permutation in self.generators),
            f"task.generators={self.generators}: must be one or more permutations of the same points 0, 1, …",
        )
        require(
            len(self.elements) <= LARGEST,
            f"task.generators={self.generators}: the group must have at most {LARGEST} elements",
        )

    @cached_property
    def elements(self) -> tuple[str, ...]:
        """The group, the identity first; no more than is needed to see that it is too large."""
        found = {"".join(sorted(self.generators[0])): None}
        fresh = list(found)
        while fresh and len(found) <= LARGEST:
            products = [product(element, symbol) for element in fresh for symbol in self.generators]
            fresh = list(dict.fromkeys(element for element in products if element not in found))
            found |= dict.fromkeys(fresh)
        return tuple(found)

    @cached_property
    def automaton(self) -> Automaton:
        """The automaton that multiplies: a state an element."""
        symbols = list(self.elements if self.symbols == "elements" else dict.fromkeys(self.generators))
        table = {element: [product(element, symbol) for symbol in symbols] for element in self.elements}
        return Automaton(symbols, table, self.elements[0], scratchpad=self.scratchpad, drawn=self.drawn)

    @property
    def vocabulary(self) -> Vocabulary:
        """The elements."""
        return self.automaton.vocabulary

    def stress_sets(self) -> Mapping[str, Task]:
        """One element again and again, of which only counting tells the power."""
        return {"equal": replace(self, drawn="equal")}

    def sample(self, length: int, count: int, generator: torch.Generator) -> Batch:
        """Draw products; see `Task.sample`."""
        return self.automaton.sample(length, count, generator)


def product(first: str, then: str) -> str:
    """One permutation after another.

    >>> product("120", "102")
    '021'
    """
    return "".join(then[int(point)] for point in first)
