"""N-gram lookup: find a few symbols in a string, write their neighbours (Jelassi et al. 2024, Repeat After Me, section 4)."""

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
    """Write what stands beside the key in a string in which the key comes once. Length: its symbols besides the key and the answer.

    >>> print(NgramLookup().show(length=4, count=2))
    qpbqzrdz?pb# -> qz⏎
    rrzyqvka?yq# -> vk⏎
    >>> print(NgramLookup(side="suffix", answer=3).show(length=4))
    qpbqzrdzr?dz# -> qzr⏎

    Args:
        alphabet: number of symbols.
        side: `prefix` writes what follows the key, `suffix` what stands before it (the key is the prefix or the suffix
            of what is looked for).
        key: symbols of the key, the n of the n-gram.
        answer: symbols that are written.
        depth: symbols before the key and the answer as a share of all others, from 0 to 1; None draws it uniformly.
        others: the other symbols are `uniform`, or `near`: the key again and again, each time with one symbol changed.
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
        """Keys among others that are nearly the same, and keys at eleven depths, from the beginning to the end."""
        return {"near": replace(self, others="near"), **depths(self)}

    def sample(self, length: int, count: int, generator: torch.Generator) -> Batch:
        """Draw strings and keys, again where the key comes twice; see `Task.sample`."""
        places, keys = length + self.answer + 1, self.alphabet**self.key
        require_length(
            places <= keys,
            length,
            f"task.alphabet={self.alphabet} and task.key={self.key} give {keys} keys "
            f"for {places} places, too few for a key that occurs once",
        )
        strings, key, answer = self._draw(length, count, generator)
        while bool((again := occurrences(key, strings) > 1).any()):  # uniform over what is allowed
            fresh = self._draw(length, int(again.sum()), generator)
            for part, new in zip((strings, key, answer), fresh, strict=True):
                part[again] = new
        prompt = [
            Span(strings + len(SPECIAL)),
            self.vocabulary.span("?"),
            Span(key + len(SPECIAL)),
            Span(torch.full((1, 1), SEP)),
        ]
        # without places: those of what is looked for would point at it
        return assemble(length, count, self.vocabulary, prompt, [Span(answer + len(SPECIAL))], coupled=False)

    def _draw(
        self, length: int, count: int, generator: torch.Generator
    ) -> tuple[Int[Tensor, "batch string"], Int[Tensor, "batch key"], Int[Tensor, "batch answer"]]:
        """Strings, and a key and its neighbours from anywhere in each."""
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
            apart = (column < first) | (column >= first + size)
            strings = torch.where(apart, self._near(key, length + size, generator), strings)
        return strings, key, answer

    def _near(
        self, key: Int[Tensor, "batch key"], columns: int, generator: torch.Generator
    ) -> Int[Tensor, "batch columns"]:
        """The key again and again, each time with one symbol changed."""
        shape = len(key), -(-columns // self.key), 1
        changed = torch.randint(self.key, shape, generator=generator)
        change = torch.randint(1, self.alphabet, shape, generator=generator)
        others = key.unsqueeze(1) + change * (torch.arange(self.key) == changed)
        return (others % self.alphabet).flatten(1)[:, :columns]


def occurrences(key: Int[Tensor, "batch key"], strings: Int[Tensor, "batch string"]) -> Int[Tensor, " batch"]:
    """How often each key stands in its string."""
    windows = strings.unfold(1, key.shape[1], 1)
    return (windows == key.unsqueeze(1)).all(2).sum(1)
