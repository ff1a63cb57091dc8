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

MAX_ELEMENTS = 1000
"""Largest number of elements of a group."""


@dataclass(frozen=True)
class WordProblem(Task):
    """Multiply elements of a group. Length: elements of the product.

    An element is a permutation, written as the images of 0, 1, 2, …; the first element of a product is applied first.

    >>> print(WordProblem(generators=["120", "102"]).show(length=3))
    102 201 210 # -> 201 ⏎

    Args:
        generators: permutations of the same points, at most ten points, that generate the group.
        symbols: the symbols of the prompt: all `elements` of the group, or only its `generators`.
        scratchpad: as in `Automaton`, with the running products as states.
        drawn: as in `Automaton`; `equal` asks for the power of one element.
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
            len(self.elements) <= MAX_ELEMENTS,
            f"task.generators={self.generators}: the group must have at most {MAX_ELEMENTS} elements",
        )

    @cached_property
    def elements(self) -> tuple[str, ...]:
        """Elements of the group, the identity first; the search stops once there are too many."""
        elements = {"".join(sorted(self.generators[0])): None}
        new = list(elements)
        while new and len(elements) <= MAX_ELEMENTS:
            products = [product(element, symbol) for element in new for symbol in self.generators]
            new = list(dict.fromkeys(element for element in products if element not in elements))
            elements |= dict.fromkeys(new)
        return tuple(elements)

    @cached_property
    def automaton(self) -> Automaton:
        """Automaton that multiplies; its states are the elements."""
        symbols = list(self.elements if self.symbols == "elements" else dict.fromkeys(self.generators))
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

    def sample(self, length: int, count: int, generator: torch.Generator) -> Batch:
        """Draw products; see `Task.sample`."""
        return self.automaton.sample(length, count, generator)


def product(first: str, then: str) -> str:
    """Compose two permutations, of which `first` is applied first.

    >>> product("120", "102")
    '021'
    """
    return "".join(then[int(point)] for point in first)
