"""Parity as text: prompt `Is the number of 1's even in the sequence [ 0, 1 ] ? `, answer `The answer is No.`."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Int
from torch import Tensor
from torch.nn.functional import pad

from lengen.task import DIGITS, Span
from lengen.task.text import Text, characters, digit, fill, join, keep, remaining, spans, table
from lengen.task.text.scratchpad import think, words

PROMPT, ANSWER = "Is the number of 1's even in the sequence [ {bits} ] ? ", "The answer is {answer}."
ANSWERS = ("Yes", "No")
STEP = {
    "input": "{bit}",
    "computation": "{bit} ** par = {bit} ** {before}",
    "output": "{after}",
    "variables": "par: {after}",
    "remaining": "[ {rest} ]",
}
VOCABULARY = characters(PROMPT, ANSWER, *ANSWERS, words(STEP), *DIGITS[:2])


def write(bits: Int[Tensor, "batch length"], parts: Sequence[str] | None) -> Text:
    """Write parity examples as text; `parts` are those of the scratchpad, None for none."""
    states = bits.cumsum(1) % 2
    figures = digit(VOCABULARY, bits)
    prompt = fill(VOCABULARY, PROMPT, bits=join(VOCABULARY, ", ", figures))
    answer = fill(VOCABULARY, ANSWER, answer=table(VOCABULARY, ANSWERS)[states[:, -1]])
    trace: list[Span] = []
    if parts is not None:
        rest = keep(figures.unsqueeze(1), remaining(bits.shape[1]))
        trace = think(
            VOCABULARY,
            parts,
            STEP,
            torch.ones((1, bits.shape[1]), dtype=torch.bool),
            bit=figures,
            before=digit(VOCABULARY, pad(states, (1, -1))),
            after=digit(VOCABULARY, states),
            rest=join(VOCABULARY, ", ", rest),
        )
    return Text(spans(prompt), trace, spans(answer))
