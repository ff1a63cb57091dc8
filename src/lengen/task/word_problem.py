"""The word problem of a finite group, given by permutations (Liu et al. 2023a; Merrill et al. 2024, section 5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar, Literal

import torch

from lengen.config.errors import require
from lengen.task import DIGITS, Batch, Task, Vocabulary
from lengen.task.automaton import Automaton
from lengen.task.chance import Chance

MAX_ELEMENTS = 1000
"""Largest number of elements of a group."""


@dataclass(frozen=True)
class WordProblem(Task):
    """Multiply elements of a group. Length: elements of the product.

    An element is a permutation, written as the images of 0, 1, 2, …; the first element of a product is applied first.

    >>> print(WordProblem(generators=["120", "102"]).show(length=3))
    102 201 210 # -> 201 ⏎

    Args:
        generators: permutations of the same points, at most ten points, that generate the group; or `all`: every element of
            the group that `group` generates.
        symbols: the symbols of the prompt: all `elements` of the group, or only its `generators`. With few generators, a
            short product is one of few elements (two generators of A5: 2 of 60 at length 1, 24 at length 5), and the parity
            of the length can rule out elements (two generators of D4 or of C2 x C4: 4 of 8 at any length, the other 4 at
            the next).
        scratchpad: as in `Automaton`, with the running products as states.
        drawn: as in `Automaton`; `equal` asks for the power of one element.
        group: permutations that generate the group where generators=all.
    """

    conditional_options: ClassVar[Mapping[str, Mapping[str, Any]]] = {"group": {"generators": "all"}}

    generators: list[str] | Literal["all"]
    symbols: Literal["elements", "generators"] = "elements"
    scratchpad: Literal["none", "running", "interleaved"] = "none"
    drawn: Literal["uniform", "equal"] = "uniform"
    group: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        option = "group" if self.generators == "all" else "generators"
        given = f"task.{option}={getattr(self, option)}"
        points = "".join(DIGITS)[: len(self._basis[0])] if self._basis else ""
        require(
            bool(points) and all(sorted(permutation) == list(points) for permutation in self._basis),
            f"{given}: must be one or more permutations of the same points 0, 1, …",
        )
        require(
            len(self.elements) <= MAX_ELEMENTS,
            f"{given}: the group must have at most {MAX_ELEMENTS} elements",
        )

    @property
    def _basis(self) -> list[str]:
        """Permutations that generate the group."""
        return self.group if self.generators == "all" else self.generators

    @cached_property
    def elements(self) -> tuple[str, ...]:
        """Elements of the group, the identity first; the search stops once there are too many."""
        elements = {"".join(sorted(self._basis[0])): None}
        new = list(elements)
        while new and len(elements) <= MAX_ELEMENTS:
            products = [product(element, symbol) for element in new for symbol in self._basis]
            new = list(dict.fromkeys(element for element in products if element not in elements))
            elements |= dict.fromkeys(new)
        return tuple(elements)

    @cached_property
    def automaton(self) -> Automaton:
        """Automaton that multiplies; its states are the elements."""
        every = self.generators == "all" or self.symbols == "elements"
        symbols = list(self.elements if every else dict.fromkeys(self._basis))
        table = {element: [product(element, symbol) for symbol in symbols] for element in self.elements}
        return Automaton(symbols, table, self.elements[0], scratchpad=self.scratchpad, drawn=self.drawn)

    @property
    def vocabulary(self) -> Vocabulary:
        """The elements."""
        return self.automaton.vocabulary

    def stress_sets(self) -> Mapping[str, Task]:
        """One element repeated, so that the product depends only on its count."""
        return {"equal": replace(self, drawn="equal")}

    def longest_answer(self, length: int) -> int:
        """See `Task`."""
        return self.automaton.longest_answer(length)

    def chance(self, length: int) -> Chance:
        """See `Task`."""
        return self.automaton.chance(length)

    def result_chance(self, length: int) -> Chance:
        """See `Task`."""
        return self.automaton.result_chance(length)

    def sample(self, length: int, count: int, generator: torch.Generator) -> Batch:
        """Draw products; see `Task.sample`."""
        return self.automaton.sample(length, count, generator)


def product(first: str, then: str) -> str:
    """Compose two permutations, of which `first` is applied first.

    >>> product("120", "102")
    '021'
    """
    return "".join(then[int(point)] for point in first)
