"""The most frequent symbol of a string (Zhou et al. 2024, "What algorithms can transformers learn?"; Yehudai et al. 2024)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar, Literal

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from lengen.config.errors import require
from lengen.sampling import orders
from lengen.task import SEP, SPECIAL, Batch, Span, Task, Vocabulary, assemble, letters
from lengen.task.chance import Chance, independent

MANY = 4096
"""Largest number of strings that are drawn at once to replace strings with ties."""


@dataclass(frozen=True)
class Mode(Task):
    """Which symbol occurs most often? Length: symbols.

    >>> print(Mode(alphabet=4).show(length=7, count=2))
    adbaddd# -> d⏎
    dbdbcad# -> d⏎

    Args:
        alphabet: number of symbols.
        ties: `none` draws a string again until one symbol alone is the most frequent, so that strings are uniform among
            those with a unique answer; `first` keeps ties and answers with the tied symbol that occurs first, which makes
            the first symbol likelier than the others.
        symbols: `uniform` draws symbols independently; `close` uses two symbols, one occurring once more than the other
            (an even length has one occurrence of a third symbol; without ties, length 2 has one symbol twice).
    """

    revision: ClassVar[int] = 2

    alphabet: int = 10
    ties: Literal["none", "first"] = "none"
    symbols: Literal["uniform", "close"] = "uniform"

    def __post_init__(self) -> None:
        require(self.alphabet >= 3, f"task.alphabet={self.alphabet}: must be at least 3")  # noqa: PLR2004

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The alphabet."""
        return Vocabulary(letters(self.alphabet))

    def stress_sets(self) -> Mapping[str, Task]:
        """Strings in which a single symbol decides the answer."""
        return {"close": replace(self, symbols="close")}

    def longest_answer(self, length: int) -> int:
        """See `Task`."""
        return 2

    def chance(self, length: int) -> Chance:
        """See `Task`."""
        return independent([1 / self.alphabet])

    def sample(self, length: int, count: int, generator: torch.Generator) -> Batch:
        """Draw strings; see `Task.sample`."""
        items = self._draw(length, count, generator)
        if self.ties == "none":
            items = self._without_ties(items, generator)
        mode = first_mode(items, self.alphabet)
        prompt = [Span(items + len(SPECIAL)), Span(torch.full((1, 1), SEP))]
        return assemble(length, count, self.vocabulary, prompt, [Span(mode + len(SPECIAL))], coupled=False)

    def _draw(self, length: int, count: int, generator: torch.Generator) -> Int[Tensor, "batch length"]:
        if self.symbols == "uniform":
            return torch.randint(self.alphabet, (count, length), generator=generator)
        names = orders((count, self.alphabet), generator)
        rank = orders((count, length), generator)
        majority = 2 if length == 2 and self.ties == "none" else (length + 1) // 2  # noqa: PLR2004
        return names.gather(1, (rank >= majority).long() + (rank >= 2 * majority - 1))

    def _without_ties(
        self, items: Int[Tensor, "batch length"], generator: torch.Generator
    ) -> Int[Tensor, "batch length"]:
        """Replace strings whose most frequent symbols tie by other draws, in rounds of up to `MANY` of them."""
        tied = ties(items, self.alphabet).nonzero().flatten()
        while len(tied):
            fresh = self._draw(items.shape[1], min(8 * len(tied) + 64, MANY), generator)
            fresh = fresh[~ties(fresh, self.alphabet)][: len(tied)]
            items[tied[: len(fresh)]] = fresh
            tied = tied[len(fresh) :]
        return items


def ties(items: Int[Tensor, "batch length"], alphabet: int) -> Bool[Tensor, " batch"]:
    """Whether several symbols are the most frequent of a string.

    >>> ties(torch.tensor([[0, 1, 0], [0, 1, 2]]), 3)
    tensor([False,  True])
    """
    counts = occurrences(items, alphabet)
    return (counts == counts.amax(1, keepdim=True)).sum(1) > 1


def occurrences(items: Int[Tensor, "batch length"], alphabet: int) -> Int[Tensor, "batch alphabet"]:
    """Count the occurrences of each symbol of the alphabet."""
    return torch.zeros((len(items), alphabet), dtype=torch.long).scatter_add(1, items, torch.ones_like(items))


def first_mode(items: Int[Tensor, "batch length"], alphabet: int) -> Int[Tensor, "batch 1"]:
    """The most frequent item; among ties, the one that occurs first.

    >>> first_mode(torch.tensor([[2, 1, 0, 1, 0]]), 3)
    tensor([[1]])
    """
    counts = occurrences(items, alphabet).gather(1, items)
    return items.gather(1, counts.argmax(1, keepdim=True))
