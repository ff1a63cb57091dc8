"""Successor: the item after a given one, an auxiliary task for sorting (Awasthi and Gupta 2023, section 4)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch

from lengen.task import PAD, SEP, Batch, Span, Task, Vocabulary, assemble
from lengen.task.chance import Chance, independent
from lengen.task.sort import Sort


@dataclass(frozen=True)
class Successor(Task):
    """Write the item of a list that follows a given item in ascending order. Length: items, all distinct.

    The answer for the largest item is the question mark.

    >>> print(Successor(alphabet=26).show(length=4, count=2))
    mcds?d# -> m⏎
    jrbs?j# -> r⏎

    Args:
        alphabet: number of symbols when items are symbols; their order is the alphabet's.
        digits: 1 for items that are single symbols; n > 1 for numbers of n digits, with leading zeros.
    """

    alphabet: int = 100
    digits: int = 1

    def __post_init__(self) -> None:
        Sort(self.alphabet, digits=self.digits)  # checks the options

    @cached_property
    def _sort(self) -> Sort:
        return Sort(self.alphabet, digits=self.digits)

    @property
    def vocabulary(self) -> Vocabulary:
        """The vocabulary of `Sort`: items and a question mark."""
        return self._sort.vocabulary

    def longest_answer(self, length: int) -> int:
        """See `Task`."""
        return self.digits + 1

    def chance(self, length: int) -> Chance:
        """See `Task`."""
        if self.digits > 1:
            return super().chance(length)
        # an item of the list is the answer if it was asked for in its place, unless it is the smallest
        smallest = float(self._sort.order_statistics(length)[0].min())
        return independent([max(1 / length, 1 / self.alphabet - smallest / length)])

    def sample(self, length: int, count: int, generator: torch.Generator) -> Batch:
        """Draw lists and one item of each; see `Task.sample`."""
        items = self._sort.draw(length, count, generator)
        ordered = items.sort(1).values
        index = torch.randint(length, (count, 1), generator=generator)
        last = index == length - 1
        item, following = ordered.gather(1, index), ordered.gather(1, index + ~last)
        mark, none = self.vocabulary["?"], torch.full((count, 1), PAD)
        written = self._sort.spell(following).masked_fill(last, PAD)
        prompt = [
            Span(self._sort.spell(items)),
            Span(torch.full((1, 1), mark)),
            Span(self._sort.spell(item)),
            Span(torch.full((1, 1), SEP)),
        ]
        answer = [Span(written), Span(none.masked_fill(last, mark))]
        return assemble(length, count, self.vocabulary, prompt, answer, coupled=False)
