"""Modular sums as text: prompt `Compute: 3 + 9 + 1 .`, answer `The answer is 3 .`."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Int
from torch import Tensor
from torch.nn.functional import pad

from lengen.task import DIGITS, Span
from lengen.task.text import Text, characters, fill, join, keep, number, remaining, spans
from lengen.task.text.scratchpad import think, words

PROMPT, ANSWER = "Compute: {terms} .", "The answer is {answer} ."
STEP = {
    "input": "{term}",
    "computation": "{term} + sum = {term} + {before} =",
    "output": "{total}",
    "variables": "sum: {total} = {after}",
    "remaining": "{rest}",
}
VOCABULARY = characters(PROMPT, " + ", ANSWER, words(STEP), *DIGITS)


def write(terms: Int[Tensor, "batch length"], modulus: int, parts: Sequence[str] | None) -> Text:
    """Write sums modulo a number (10 in the paper) as text; `parts` are those of the scratchpad, None for none."""
    length = terms.shape[1]
    states = terms.cumsum(1) % modulus
    figures = number(VOCABULARY, terms)
    prompt = fill(VOCABULARY, PROMPT, terms=join(VOCABULARY, " + ", figures))
    answer = fill(VOCABULARY, ANSWER, answer=number(VOCABULARY, states[:, -1]))
    trace: list[Span] = []
    if parts is not None:
        before = pad(states, (1, -1))
        trace = think(
            VOCABULARY,
            parts,
            STEP,
            torch.ones((1, length), dtype=torch.bool),
            term=figures,
            before=number(VOCABULARY, before),
            total=number(VOCABULARY, before + terms),
            after=number(VOCABULARY, states, ""),
            rest=join(VOCABULARY, " + ", keep(figures.unsqueeze(1), remaining(length))),
        )
    return Text(spans(prompt), trace, spans(answer))
