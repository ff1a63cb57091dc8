"""The flip-flop language (Liu et al. 2023b, "Exposing attention glitches with flip-flop language modeling")."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import torch

from lengen.config.errors import require
from lengen.task import DIGITS, Batch, Span, Task, Vocabulary, assemble
from lengen.task.chance import Chance, independent

WRITE, READ, IGNORE = range(3)


@dataclass(frozen=True)
class FlipFlop(Task):
    """Read the bit that was written last. Length: instructions before the last read.

    Every instruction has a bit: `w` writes it, `i` ignores it, and an `r` before the end reads the stored bit. The first
    instruction is a write; the `r` at the end is the question.

    >>> print(FlipFlop(ignore=0.5).show(length=7, count=2))
    w0r0i0i0i0w1i0r -> 1⏎
    w1i1w0i0i1i1i1r -> 0⏎

    Args:
        ignore: probability of `i`; `w` and `r` are equally likely otherwise. 0.8 is the paper's training distribution
            FFL(0.8).
    """

    ignore: float = 0.8

    def __post_init__(self) -> None:
        require(0 <= self.ignore <= 1, f"task.ignore={self.ignore}: must be in [0, 1]")

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """Bits and instructions."""
        return Vocabulary((*DIGITS[:2], "w", "r", "i"))

    def stress_sets(self) -> Mapping[str, Task]:
        """The paper's tails: FFL(0.98), where the last write is far away, and FFL(0.1), where writes are frequent."""
        return {"sparse": replace(self, ignore=0.98), "dense": replace(self, ignore=0.1)}

    def longest_answer(self, length: int) -> int:
        """See `Task`."""
        return 2

    def chance(self, length: int) -> Chance:
        """See `Task`."""
        return independent([0.5])

    def sample(self, length: int, count: int, generator: torch.Generator) -> Batch:
        """Draw instructions; see `Task.sample`."""
        uniform = torch.rand((count, length), generator=generator)
        kind = torch.where(
            uniform < self.ignore, IGNORE, torch.where(uniform < (1 + self.ignore) / 2, WRITE, READ)
        )
        kind[:, 0] = WRITE
        bits = torch.randint(2, (count, length), generator=generator)
        last = torch.where(kind == WRITE, torch.arange(length), 0).cummax(1).values
        bits = torch.where(kind == READ, bits.gather(1, last), bits)
        answer = bits.gather(1, last[:, -1:])
        instructions = torch.stack([kind + self.vocabulary["w"], bits + self.vocabulary["0"]], 2).flatten(1)
        question = self.vocabulary.span("r")
        return assemble(
            length,
            count,
            self.vocabulary,
            [Span(instructions), question],
            [Span(answer + self.vocabulary["0"])],
            coupled=False,
        )
