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
from lengen.task.chance import Chance, independent

BRACKETS = "()[]{}<>"


@dataclass(frozen=True)
class Dyck(Task):
    """Close all open brackets of a prefix of a Dyck word. Length: pairs of brackets in the whole word.

    The prompt ends with an opening bracket. The number of open brackets at its end is drawn first; then all words with
    this number, of the given length and depth, are equally likely, and so are the kinds of each pair.

    >>> print(Dyck().show(length=6, count=2))
    ([][][[](# -> )])⏎
    [](([[](# -> )]))⏎

    Args:
        kinds: number of kinds of brackets, 1 to 4.
        depth: largest number of brackets that are open at once; None for no bound.
        opened: number of open brackets at the end of the prompt: `uniform` from 1 to the largest possible number, or the
            largest (`most`).
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
        """As many open brackets as possible, so that the first must be remembered to the end."""
        return {"deep": replace(self, opened="most")}

    def longest_answer(self, length: int) -> int:
        """See `Task`."""
        return min(length, self.depth or length) + 1

    def chance(self, length: int) -> Chance:
        """See `Task`."""
        depth = min(length, self.depth or length)
        if self.opened == "most":
            return independent([1 / self.kinds] * depth)
        # of size k with probability 1/depth: at place j a bracket with probability (depth - j) / depth, else the end
        likeliest = [max((depth - place) / self.kinds, float(place > 0)) for place in range(depth + 1)]
        return Chance(1 / (depth * self.kinds), sum(likeliest) / (depth * (depth + 3) / 2))

    def sample(self, length: int, count: int, generator: torch.Generator) -> Batch:
        """Draw words; see `Task.sample`."""
        depth = length if self.depth is None else min(self.depth, length)
        opened = torch.full((count, 1), depth)
        if self.opened == "uniform":
            opened = torch.randint(1, depth + 1, (count, 1), generator=generator)
        opens = self._walk(length, depth, opened, generator)
        # the brackets of a level alternate between opening and closing
        level = torch.where(opens, 1, -1).cumsum(1) + ~opens
        pairs = level.argsort(dim=1, stable=True).reshape(count, length, 2)
        kinds = torch.randint(self.kinds, (count, length, 1), generator=generator)
        brackets = 2 * kinds + torch.arange(2) + len(SPECIAL)
        word = torch.zeros_like(level).scatter(1, pairs.flatten(1), brackets.flatten(1))
        in_answer = torch.arange(2 * length) >= 2 * length - opened
        prompt = [Span(word.masked_fill(in_answer, PAD)), Span(torch.full((1, 1), SEP))]
        answer = Span(word.masked_fill(~in_answer, PAD))
        return assemble(length, count, self.vocabulary, prompt, [answer], coupled=False)

    def _walk(
        self, length: int, depth: int, opened: Int[Tensor, "batch 1"], generator: torch.Generator
    ) -> Bool[Tensor, "batch brackets"]:
        """Draw a mask of the opening brackets, from the last bracket to the first."""
        steps = 2 * length
        probabilities = down_probabilities(steps, depth)
        uniform = torch.rand((len(opened), steps), generator=generator, dtype=torch.float64)
        height = torch.zeros(len(opened), dtype=torch.long)
        opens = []
        for left in reversed(range(steps)):  # number of brackets further left
            done = steps - 1 - left
            down = uniform[:, left] < probabilities[left + 1][height]
            opening = torch.where(opened[:, 0] > done, False, (opened[:, 0] == done) | down)
            height = torch.where(opening, height - 1, height + 1)
            opens.append(opening)
        return torch.stack(opens[::-1], 1)


def down_probabilities(steps: int, depth: int) -> Float[Tensor, "left height"]:
    """Probability that the first step of a random walk goes down, by number of steps (rows) and height (columns).

    The walk is uniform among those that end at 0 and stay between 0 and `depth`. The computation uses logarithms of the
    numbers of walks, which grow as 2^steps.
    """
    walks = torch.full((depth + 3,), -torch.inf, dtype=torch.float64)  # with a wall on either side
    walks[1] = 0
    probabilities = [torch.zeros(depth + 1, dtype=torch.float64)]
    for _ in range(steps):
        down, up = walks[:-2], walks[2:]
        total = torch.logaddexp(down, up)
        probabilities.append((down - total).exp().nan_to_num(0))
        walks[1:-1] = total
    return torch.stack(probabilities)
