"""Count from one number to another (Zhou et al. 2024, "What algorithms can transformers learn?": Count)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch

from lengen.config.errors import require, require_length
from lengen.task import SPECIAL, Batch, Span, Task, Vocabulary, assemble
from lengen.task.chance import Chance, of_places


@dataclass(frozen=True)
class CountUp(Task):
    """Write all numbers from a start to an end. Length: numbers written.

    Every number is one symbol, as in the paper, so that longer problems have no symbols that never occur in training. The
    start is uniform among those from which the length is possible.

    >>> print(CountUp(numbers=20).show(length=3, count=2))
    8 10 > -> 8 9 10 ⏎
    9 11 > -> 9 10 11 ⏎

    Args:
        numbers: how many numbers there are, from 0; this is the longest possible length.
    """

    numbers: int = 100

    def __post_init__(self) -> None:
        require(self.numbers >= 1, f"task.numbers={self.numbers}: must be at least 1")

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The numbers and an arrow."""
        return Vocabulary((*map(str, range(self.numbers)), ">"))

    def longest_answer(self, length: int) -> int:
        """See `Task`."""
        return length + 1

    def chance(self, length: int) -> Chance:
        """See `Task`."""
        starts = self.numbers - length + 1
        return of_places(1 / starts, [1 / starts] * length)

    def sample(self, length: int, count: int, generator: torch.Generator) -> Batch:
        """Draw starts; see `Task.sample`."""
        require_length(
            length <= self.numbers,
            length,
            f"task.numbers={self.numbers} allows at most {self.numbers} numbers",
        )
        start = torch.randint(self.numbers - length + 1, (count, 1), generator=generator) + len(SPECIAL)
        answer = start + torch.arange(length)
        prompt = [Span(answer[:, :1]), Span(answer[:, -1:]), self.vocabulary.span(">")]
        # without places, which would show where to stop
        return assemble(length, count, self.vocabulary, prompt, [Span(answer)], coupled=False)
