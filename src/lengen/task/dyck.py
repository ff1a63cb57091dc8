"""Close the brackets of a Dyck word (Hewitt et al. 2020; Yao et al. 2021; BIG-bench, `dyck_languages`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from lengen.config.errors import require
from lengen.task import PAD, SEP, SPECIAL, Batch, Span, Task, Vocabulary, assemble

BRACKETS = "()[]{}<>"


@dataclass(frozen=True)
class Dyck(Task):
    """Write the brackets that close what is still open. Length: pairs of brackets, read and written.

    The brackets that are read end in an opening one. How many are open then is drawn first; all words of the length
    that have so many, within the depth, are equally likely, and so is every kind for every pair.

    >>> print(Dyck().show(length=6, count=2))
    ([][][[](# -> )])⏎
    [](([[](# -> )]))⏎

    Args:
        kinds: kinds of brackets, 1 to 4.
        depth: the most brackets that may be open at once; None sets no bound.
        opened: how many are left open: `uniform` from 1 to the most that length and depth allow, or the `most`.
    """

    kinds: int = 2
    depth: int | None = None
    opened: Literal["uniform", "most"] = "uniform"

    def __post_init__(self) -> None:
        most = len(BRACKETS) // 2
        require(1 <= self.kinds <= most, f"task.kinds={self.kinds}: must be from 1 to {most}")
        require(
            self.depth is None or self.depth >= 1,
            f"task.depth={self.depth}: must be null (no bound) or at least 1",
        )

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The brackets."""
        return Vocabulary(tuple(BRACKETS[: 2 * self.kinds]))

    def stress_sets(self) -> Mapping[str, Task]:
        """As many open brackets as can be: the first of them must be remembered up to the very end."""
        return {"deep": replace(self, opened="most")}

    def sample(self, length: int, count: int, generator: torch.Generator) -> Batch:
        """Draw words; see `Task.sample`."""
        depth = length if self.depth is None else min(self.depth, length)
        opened = torch.full((count, 1), depth)
        if self.opened == "uniform":
            opened = torch.randint(1, depth + 1, (count, 1), generator=generator)
        opens = self._walk(length, depth, opened, generator)
        # brackets of a level, from left to right, open and close by turns
        level = torch.where(opens, 1, -1).cumsum(1) + ~opens
        pairs = level.argsort(dim=1, stable=True).reshape(count, length, 2)
        kinds = torch.randint(self.kinds, (count, length, 1), generator=generator)
        brackets = 2 * kinds + torch.arange(2) + len(SPECIAL)
        word = torch.zeros_like(level).scatter(1, pairs.flatten(1), brackets.flatten(1))
        written = torch.arange(2 * length) >= 2 * length - opened
        prompt = [Span(word.masked_fill(written, PAD)), Span(torch.full((1, 1), SEP))]
        answer = Span(word.masked_fill(~written, PAD))
        return assemble(length, count, self.vocabulary, prompt, [answer], coupled=False)

    def _walk(
        self, length: int, depth: int, opened: Int[Tensor, "batch 1"], generator: torch.Generator
    ) -> Bool[Tensor, "batch brackets"]:
        """Which brackets open, drawn from the last one to the first."""
        steps = 2 * length
        falls = fall_chances(steps, depth)
        chance = torch.rand((len(opened), steps), generator=generator, dtype=torch.float64)
        height = torch.zeros(len(opened), dtype=torch.long)
        opens = []
        for left in reversed(range(steps)):  # brackets further left
            done = steps - 1 - left
            free = chance[:, left] < falls[left + 1][height]
            fall = torch.where(opened[:, 0] > done, False, (opened[:, 0] == done) | free)
            height = torch.where(fall, height - 1, height + 1)
            opens.append(fall)
        return torch.stack(opens[::-1], 1)


def fall_chances(steps: int, depth: int) -> Float[Tensor, "left height"]:
    """Probability that a walk from a height to 0, uniform among those between 0 and `depth`, falls in its first step.

    Row: steps of the walk, up to `steps`. The logarithms of the numbers of walks are kept, as these grow with 2^steps.
    """
    walks = torch.full((depth + 3,), -torch.inf, dtype=torch.float64)  # a wall on either side
    walks[1] = 0
    chances = [torch.zeros(depth + 1, dtype=torch.float64)]
    for _ in range(steps):
        fall, rise = walks[:-2], walks[2:]
        total = torch.logaddexp(fall, rise)
        chances.append((fall - total).exp().nan_to_num(0))
        walks[1:-1] = total
    return torch.stack(chances)
