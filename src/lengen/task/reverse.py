"""Reverse: write the symbols of the prompt from the last to the first (Kazemnejad et al. 2023, appendix D)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import torch

from lengen.config.errors import require
from lengen.task import SEP, SPECIAL, Batch, Span, Task, Vocabulary, assemble, letters
from lengen.task.chance import Chance, of_places
from lengen.task.copy import Copy
from lengen.task.text import reverse as words


@dataclass(frozen=True)
class Reverse(Task):
    """Reverse a string. Length: symbols of the string.

    >>> print(Reverse(alphabet=5).show(length=4, count=2))
    eeda# -> adee⏎
    decd# -> dced⏎
    >>> print(Reverse(alphabet=5, then="reverse").show(length=4))
    eeda# -> adeeeeda⏎
    >>> print(Reverse(alphabet=5, then="copy").show(length=4))
    eeda# -> adeeadee⏎
    >>> print(Reverse(alphabet=5, style="text").show(length=4))
    Reverse: e e d a [SEP]  -> a d e e⏎

    Args:
        alphabet: number of symbols.
        repeats: how strings are drawn: `allowed`, `unique`, `one` or `ngram`, as in `Copy`.
        then: what follows the reversed string: nothing (`none`); its `reverse`, which is the string itself; or a `copy`
            of it.
        style: `symbols`, or `text`: the format of Kazemnejad et al. 2023, in characters.
    """

    alphabet: int = 20
    repeats: Literal["allowed", "unique", "one", "ngram"] = "allowed"
    then: Literal["none", "reverse", "copy"] = "none"
    style: Literal["symbols", "text"] = "symbols"

    def __post_init__(self) -> None:
        require(self.alphabet >= 1, f"task.alphabet={self.alphabet}: must be at least 1")
        require(
            self.style == "symbols" or self.then == "none",
            f"task.then={self.then} with task.style=text: must be none",
        )

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The alphabet."""
        names = letters(self.alphabet)
        return Vocabulary(names) if self.style == "symbols" else words.vocabulary(names)

    def stress_sets(self) -> Mapping[str, Task]:
        """A short string repeated, in which the last few symbols do not determine the position."""
        return {"repeats": replace(self, repeats="ngram")}

    def longest_answer(self, length: int) -> int:
        """See `Task`."""
        if self.style == "text":
            return length * max(map(len, letters(self.alphabet))) + length
        return length * (1 + (self.then != "none")) + 1

    def chance(self, length: int) -> Chance:
        """See `Task`."""
        exact = Copy(self.alphabet, self.repeats).likeliest(length)
        if self.style == "text":
            return Chance(exact, super().chance(length).token_accuracy)
        return of_places(exact, [1 / self.alphabet] * (length * (1 + (self.then != "none"))))

    def sample(self, length: int, count: int, generator: torch.Generator) -> Batch:
        """Draw strings; see `Task.sample`."""
        strings = Copy(self.alphabet, self.repeats)  # the same symbols with the same ids
        items = strings.sample(length, count, generator).tokens[:, :length]
        if self.style == "text":
            text = words.write(items - len(SPECIAL), letters(self.alphabet))
            return text.batch(length, count, self.vocabulary)
        index = torch.arange(2, length + 2).unsqueeze(0)
        forward, backward = Span(items, index), Span(items.flip(1), index.flip(1))
        after = {"none": [], "reverse": [forward], "copy": [backward]}[self.then]
        separator = Span(
            torch.full((1, 1), SEP), length + 2
        )  # next to the place of the first token of the answer
        return assemble(length, count, self.vocabulary, [forward, separator], [backward, *after])
