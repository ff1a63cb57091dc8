"""N-gram lookup: find an n-gram in a string and write its neighbours (Jelassi et al. 2024, Repeat After Me, section 4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import torch
from jaxtyping import Int
from torch import Tensor

from lengen.config.errors import require, require_length
from lengen.task import SEP, SPECIAL, Batch, Span, Task, Vocabulary, assemble, letters
from lengen.task.depth import check, depths


@dataclass(frozen=True)
class NgramLookup(Task):
    """Write the neighbours of a key that occurs once in a string. Length: symbols other than key and answer.

    >>> print(NgramLookup().show(length=4, count=2))
    qpbqzrdz?pb# -> qz⏎
    rrzyqvka?yq# -> vk⏎
    >>> print(NgramLookup(side="suffix", answer=3).show(length=4))
    qpbqzrdzr?dz# -> qzr⏎

    Args:
        alphabet: number of symbols.
        side: `prefix` writes what follows the key, `suffix` what precedes it; the key is the prefix or the suffix of the
            sought span.
        key: number of symbols of the key, the n of the n-gram.
        answer: number of symbols of the answer.
        depth: fraction of the other symbols that precede key and answer, from 0 to 1; None draws it uniformly.
        others: whether the other symbols are `uniform`, or `near`: copies of the key, each with one symbol changed.
    """

    alphabet: int = 26
    side: Literal["prefix", "suffix"] = "prefix"
    key: int = 2
    answer: int = 2
    depth: float | None = None
    others: Literal["uniform", "near"] = "uniform"

    def __post_init__(self) -> None:
        for name, least in (("alphabet", 2), ("key", 1), ("answer", 1)):
            value = getattr(self, name)
            require(value >= least, f"task.{name}={value}: must be at least {least}")
        check(self.depth)

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The alphabet and the question mark."""
        return Vocabulary((*letters(self.alphabet), "?"))

    def stress_sets(self) -> Mapping[str, Task]:
        """Keys among near copies of themselves, and keys at eleven depths, from the beginning to the end."""
        return {"near": replace(self, others="near"), **depths(self)}

    def longest_answer(self, length: int) -> int:
        """See `Task`."""
        return self.answer + 1

    def sample(self, length: int, count: int, generator: torch.Generator) -> Batch:
        """Draw strings and keys, again where the key occurs twice; see `Task.sample`."""
        places, keys = length + self.answer + 1, self.alphabet**self.key
        require_length(
            places <= keys,
            length,
            f"task.alphabet={self.alphabet} and task.key={self.key} give {keys} keys "
            f"for {places} places, too few for a key that occurs once",
        )
        strings, key, answer = self._draw(length, count, generator)
        while bool(
            (ambiguous := occurrences(key, strings) > 1).any()
        ):  # uniform over strings with one occurrence
            fresh = self._draw(length, int(ambiguous.sum()), generator)
            for part, new in zip((strings, key, answer), fresh, strict=True):
                part[ambiguous] = new
        prompt = [
            Span(strings + len(SPECIAL)),
            self.vocabulary.span("?"),
            Span(key + len(SPECIAL)),
            Span(torch.full((1, 1), SEP)),
        ]
        # without places, which would reveal the position of the key
        return assemble(length, count, self.vocabulary, prompt, [Span(answer + len(SPECIAL))], coupled=False)

    def _draw(
        self, length: int, count: int, generator: torch.Generator
    ) -> tuple[Int[Tensor, "batch string"], Int[Tensor, "batch key"], Int[Tensor, "batch answer"]]:
        """Draw strings, and from each a key and its neighbours."""
        size = self.key + self.answer
        strings = torch.randint(self.alphabet, (count, length + size), generator=generator)
        first = torch.randint(length + 1, (count, 1), generator=generator)
        if self.depth is not None:
            first = torch.full_like(first, round(self.depth * length))
        window = strings.gather(1, first + torch.arange(size))
        if self.side == "prefix":
            key, answer = window[:, : self.key], window[:, self.key :]
        else:
            key, answer = window[:, self.answer :], window[:, : self.answer]
        if self.others == "near":
            column = torch.arange(length + size)
            outside = (column < first) | (column >= first + size)
            strings = torch.where(outside, self._near(key, length + size, generator), strings)
        return strings, key, answer

    def _near(
        self, key: Int[Tensor, "batch key"], columns: int, generator: torch.Generator
    ) -> Int[Tensor, "batch columns"]:
        """Copies of the key, each with one symbol changed."""
        shape = len(key), -(-columns // self.key), 1
        changed = torch.randint(self.key, shape, generator=generator)
        change = torch.randint(1, self.alphabet, shape, generator=generator)
        others = key.unsqueeze(1) + change * (torch.arange(self.key) == changed)
        return (others % self.alphabet).flatten(1)[:, :columns]


def occurrences(key: Int[Tensor, "batch key"], strings: Int[Tensor, "batch string"]) -> Int[Tensor, " batch"]:
    """Count the occurrences of each key in its string."""
    windows = strings.unfold(1, key.shape[1], 1)
    return (windows == key.unsqueeze(1)).all(2).sum(1)
