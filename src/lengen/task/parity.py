"""Parity of a bit string (Anil et al. 2022; Kazemnejad et al. 2023)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch

from lengen.task import DIGITS, SPECIAL, Batch, Span, Task, Vocabulary, assemble


@dataclass(frozen=True)
class Parity(Task):
    """Is the number of ones odd? Length: bits.

    >>> print(Parity().show(length=4))
    0110= -> 0⏎
    >>> print(Parity(scratchpad="running").show(length=4))
    0110= -> 0100⏎
    >>> print(Parity(scratchpad="interleaved").show(length=4))
    0110= -> 00111000⏎

    Args:
        scratchpad: `none` answers with one bit; `running` writes the parity of every prefix; `interleaved` writes each
            bit and the parity after it. The last token before the end is the answer in each.
    """

    scratchpad: Literal["none", "running", "interleaved"] = "none"

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """Two bits and the equals sign."""
        return Vocabulary((*DIGITS[:2], "="))

    def sample(self, length: int, count: int, generator: torch.Generator) -> Batch:
        """Draw bit strings; see `Task.sample`."""
        bits = torch.randint(2, (count, length), generator=generator)
        states = bits.cumsum(1) % 2
        index = torch.arange(2, length + 2).unsqueeze(0)
        prompt = [Span(bits + len(SPECIAL), index), Span(torch.full((1, 1), self.vocabulary["="]), 1)]
        if self.scratchpad == "none":
            written = Span(states[:, -1:] + len(SPECIAL), 2)
            return assemble(length, count, self.vocabulary, [Span(prompt[0].tokens, 2), prompt[1]], [written])
        if self.scratchpad == "running":
            written = Span(states + len(SPECIAL), index)
        else:
            written = Span(
                torch.stack([bits, states], 2).flatten(1) + len(SPECIAL), index.repeat_interleave(2, 1)
            )
        return assemble(length, count, self.vocabulary, prompt, [written])
