"""Parity of a bit string (Anil et al. 2022; Kazemnejad et al. 2023)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import torch
from jaxtyping import Int
from torch import Tensor
from torch.nn.functional import pad

from lengen.task import DIGITS, SPECIAL, Batch, Span, Task, Vocabulary, assemble
from lengen.task.chance import Chance, of_places
from lengen.task.scratchpad import tail
from lengen.task.text import parity as words
from lengen.task.text.scratchpad import check, every


@dataclass(frozen=True)
class Parity(Task):
    """Is the number of ones odd? Length: bits.

    >>> print(Parity().show(length=4))
    0110= -> 0⏎
    >>> print(Parity(scratchpad="running").show(length=4))
    0110= -> 0100⏎
    >>> print(Parity(scratchpad="interleaved").show(length=4))
    0110= -> 00111000⏎
    >>> print(Parity(scratchpad="tail").show(length=2))
    01= -> 1:00=0,2:10=1,>1⏎
    >>> print(Parity(style="text").show(length=4))
    Is the number of 1's even in the sequence [ 0, 1, 1, 0 ] ?  -> The answer is Yes.⏎

    Args:
        scratchpad: `none` writes only the answer, one bit; `running` writes the parity of every prefix; `interleaved`
            writes each bit and the parity after it; `tail` writes for each bit the position of the head, the bit, the
            parity before it and the parity after it. The last token before the end token is always the answer. `steps`
            is for text.
        bits: `uniform`; `ones`: all ones, except for one zero at a uniform position in half of the strings; or `sparse`:
            all zeros, except for one one in half of the strings.
        style: `symbols`, or `text`: the format of Kazemnejad et al. 2023, in characters.
        parts: parts of each step of the scratchpad `steps`: input, computation, output, variables, remaining.
    """

    scratchpad: Literal["none", "running", "interleaved", "tail", "steps"] = "none"
    bits: Literal["uniform", "ones", "sparse"] = "uniform"
    style: Literal["symbols", "text"] = "symbols"
    parts: list[str] = field(default_factory=every)

    def __post_init__(self) -> None:
        check(self.style, self.scratchpad, self.parts, every())

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """Bits, the equals sign, and the symbols of the scratchpad."""
        if self.style == "text":
            return words.VOCABULARY
        symbols = (*DIGITS[:2], "=")
        return Vocabulary(tail.alphabet(symbols) if self.scratchpad == "tail" else symbols)

    def stress_sets(self) -> Mapping[str, Task]:
        """Strings of ones, whose parity depends on the whole length, and strings of zeros, where one bit decides."""
        return {"ones": replace(self, bits="ones"), "sparse": replace(self, bits="sparse")}

    def longest_answer(self, length: int) -> int:
        """See `Task`."""
        if self.style == "text":
            return (
                super().longest_answer(length)
                if self.scratchpad == "steps"
                else len("The answer is Yes.") + 1
            )
        if self.scratchpad == "tail":
            return tail.size(length, cells=3) + 3
        return {"none": 1, "running": length, "interleaved": 2 * length}[self.scratchpad] + 1

    def chance(self, length: int) -> Chance:
        """See `Task`."""
        if self.scratchpad == "steps":
            return super().chance(length)
        none = self.scratchpad == "none"
        exact = 0.5 if none or self.bits != "uniform" else 2.0**-length
        if self.style == "text" or self.scratchpad == "tail":
            return Chance(exact, super().chance(length).token_accuracy)
        steps = [step / length if self.bits != "uniform" else 1.0 for step in range(1, length + 1)]
        states = [1 - step / 2 for step in steps]  # half of the strings have one other bit, so far or not yet
        bits = [0.5 if self.bits == "uniform" else 1 - 0.5 / length] * length
        if none:
            return of_places(exact, [0.5])
        return of_places(exact, states + (bits if self.scratchpad == "interleaved" else []))

    def result_chance(self, length: int) -> Chance:
        """See `Task`."""
        if self.scratchpad == "tail":
            return of_places(1 / 2, [1.0, 1 / 2])
        return replace(self, scratchpad="none", parts=every()).chance(length)

    def sample(self, length: int, count: int, generator: torch.Generator) -> Batch:
        """Draw bit strings; see `Task.sample`."""
        bits = self._draw(length, count, generator)
        if self.style == "text":
            text = words.write(bits, self.parts if self.scratchpad == "steps" else None)
            return text.batch(length, count, self.vocabulary)
        states = bits.cumsum(1) % 2
        index = torch.arange(2, length + 2).unsqueeze(0)
        prompt = [Span(bits + len(SPECIAL), index), Span(torch.full((1, 1), self.vocabulary["="]), 1)]
        if self.scratchpad == "none":
            state = Span(states[:, -1:] + len(SPECIAL), 2)
            return assemble(length, count, self.vocabulary, [Span(prompt[0].tokens, 2), prompt[1]], [state])
        if self.scratchpad == "tail":
            before, after = (each + len(SPECIAL) for each in (pad(states[:, :-1], (1, 0)), states))
            work = tail.trace(self.vocabulary, [prompt[0].tokens, before], [after])
            point = self.vocabulary.span(">", length)
            answer = [point, Span(after[:, -1:], length + 1)]
            return assemble(length, count, self.vocabulary, prompt, answer, trace=[work], delimiter=tail.STEP)
        if self.scratchpad == "running":
            written, places = states, index
        else:
            written, places = torch.stack([bits, states], 2).flatten(1), index.repeat_interleave(2, 1)
        trace, last = (
            Span(written[:, part] + len(SPECIAL), places[:, part]) for part in (slice(-1), slice(-1, None))
        )
        return assemble(length, count, self.vocabulary, prompt, [last], trace=[trace])

    def _draw(self, length: int, count: int, generator: torch.Generator) -> Int[Tensor, "batch length"]:
        if self.bits == "uniform":
            return torch.randint(2, (count, length), generator=generator)
        place = torch.randint(length, (count, 1), generator=generator)
        has_single = torch.rand((count, 1), generator=generator) < 0.5  # noqa: PLR2004
        single = ((torch.arange(length) == place) & has_single).long()
        return 1 - single if self.bits == "ones" else single
