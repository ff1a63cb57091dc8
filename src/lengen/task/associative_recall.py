"""Associative recall of several keys (MQAR: Arora et al. 2023, Zoology, section 4)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import torch
from jaxtyping import Int
from torch import Tensor

from lengen.config.errors import require, require_length
from lengen.sampling import orders
from lengen.task import SEP, SPECIAL, Batch, Span, Task, Vocabulary, assemble, letters
from lengen.task.chance import Chance, independent, of_places


@dataclass(frozen=True)
class AssociativeRecall(Task):
    """Write the values of some keys. Length: pairs of a key and its value.

    The paper puts queries inside the sequence and scores each value right after its key. Here all queries follow the
    pairs, and the answer is their values, or pairs of keys and values, where each value follows its key.

    >>> print(AssociativeRecall(keys=26, values=26).show(length=4, count=2))
    mTcTdLsU?ds# -> LU⏎
    jFrSbKsB?rb# -> SK⏎
    >>> print(AssociativeRecall(keys=26, values=26, filler=2).show(length=4))
    mP..cP..dD..sE..?ds# -> DE⏎
    >>> print(AssociativeRecall(keys=26, values=26, written="pairs").show(length=4))
    mPcPdDsE?ds# -> dDsE⏎

    Args:
        keys: number of different keys, each used at most once; this is the longest possible length.
        values: number of different values.
        queries: number of distinct keys that are queried; all if there are fewer pairs.
        filler: number of blanks after every pair.
        asked: which pairs are queried, in random order: `any`, or the `first` ones, which are furthest from the queries.
        written: what the answer contains: the `values` alone, or `pairs` of the queried keys and their values.
    """

    keys: int = 100
    values: int = 20
    queries: int = 2
    filler: int = 0
    asked: Literal["any", "first"] = "any"
    written: Literal["values", "pairs"] = "values"

    def __post_init__(self) -> None:
        for name, least in (("keys", 1), ("values", 1), ("queries", 1), ("filler", 0)):
            value = getattr(self, name)
            require(value >= least, f"task.{name}={value}: must be at least {least}")

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """Keys, values, the question mark and the blank."""
        return Vocabulary((*letters(self.keys + self.values), "?", "."))

    def stress_sets(self) -> Mapping[str, Task]:
        """Queries of the first pairs, from which all other pairs separate them."""
        return {"first": replace(self, asked="first")}

    def longest_answer(self, length: int) -> int:
        """See `Task`."""
        return min(self.queries, length) * (1 + (self.written == "pairs")) + 1

    def chance(self, length: int) -> Chance:
        """See `Task`."""
        queries = min(self.queries, length)
        values, keys = [1 / self.values] * queries, [1 / self.keys] * queries
        if self.written == "values":
            return independent(values)
        return of_places(math.prod(values) / math.perm(self.keys, queries), keys + values)

    def sample(self, length: int, count: int, generator: torch.Generator) -> Batch:
        """Draw pairs and queries; see `Task.sample`."""
        require_length(length <= self.keys, length, f"task.keys={self.keys} allows at most {self.keys} pairs")
        keys = orders((count, self.keys), generator)[:, :length] + len(SPECIAL)
        values = torch.randint(self.values, (count, length), generator=generator) + len(SPECIAL) + self.keys
        blanks = [torch.full_like(keys, self.vocabulary["."])] * self.filler
        queried = self._queried(length, count, generator)
        prompt = [
            Span(torch.stack([keys, values, *blanks], 2).flatten(1)),
            self.vocabulary.span("?"),
            Span(keys.gather(1, queried)),
            Span(torch.full((1, 1), SEP)),
        ]
        answer = values.gather(1, queried)
        if self.written == "pairs":
            answer = torch.stack([keys.gather(1, queried), answer], 2).flatten(1)
        # without places, which would reveal the pair that a query refers to
        return assemble(length, count, self.vocabulary, prompt, [Span(answer)], coupled=False)

    def _queried(self, length: int, count: int, generator: torch.Generator) -> Int[Tensor, "batch queries"]:
        """Indices of the queried pairs, in the order of the queries."""
        queries = min(self.queries, length)
        candidates = length if self.asked == "any" else queries
        return orders((count, candidates), generator)[:, :queries]
