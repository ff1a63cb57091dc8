"""Push and pop on a stack of bits (Delétang et al. 2023, appendix A)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch

from lengen.task import DIGITS, PAD, SEP, Batch, Span, Task, Vocabulary, assemble

POP = 2


@dataclass(frozen=True)
class StackManipulation(Task):
    """Write a stack, top first, after some actions. Length: bits of the stack plus actions.

    The prompt has the stack from bottom to top, with a uniform number of bits, at least one; at least one action follows
    where the length allows. Every action is a pop, a push of 0 or a push of 1, equally likely. A pop of an empty stack
    does nothing. An empty stack is written as one symbol.

    >>> print(StackManipulation().show(length=6, count=2))
    0 1 1 0 1 push0 # -> 010110⏎
    1 1 pop pop pop pop # -> empty ⏎
    """

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """Bits, the actions, and the symbol of an empty stack."""
        return Vocabulary((*DIGITS[:2], "push0", "push1", "pop", "empty"))

    def longest_answer(self, length: int) -> int:
        """See `Task`."""
        return length + 1

    def sample(self, length: int, count: int, generator: torch.Generator) -> Batch:
        """Draw stacks and actions; see `Task.sample`."""
        bits = torch.randint(2, (count, length), generator=generator)
        actions = torch.randint(3, (count, length), generator=generator)
        size = torch.randint(1, max(length, 2), (count, 1), generator=generator)
        is_action = torch.arange(length) >= size
        kind = torch.where(is_action, actions, bits)  # a bit of the stack is a push
        # the height is a walk reflected at 0; a push survives if the height never falls below it again
        walk = torch.where(kind == POP, -1, 1).cumsum(1)
        height = walk - walk.cummin(1).values.clamp(max=0)
        lowest = height.flip(1).cummin(1).values.flip(1)
        survives = (kind != POP) & (lowest >= height)
        written = torch.where(survives, kind + self.vocabulary["0"], PAD).flip(1)
        empty = torch.where(survives.any(1, keepdim=True), PAD, self.vocabulary["empty"])
        read = kind + torch.where(is_action, self.vocabulary["push0"], self.vocabulary["0"])
        prompt = [Span(read), Span(torch.full((1, 1), SEP))]
        return assemble(length, count, self.vocabulary, prompt, [Span(written), Span(empty)], coupled=False)
