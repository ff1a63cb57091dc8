"""Modular sums as text: prompt `Compute: 3 + 9 + 1 .`, with or without `[SEP] `, answer `The answer is 3 .`."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Int
from torch import Tensor
from torch.nn.functional import pad

from lengen.task import DIGITS, Span, Vocabulary
from lengen.task.text import Text, characters, fill, join, keep, number, remaining, spans
from lengen.task.text.scratchpad import think, words

PROMPT, ANSWER, SEPARATOR = "Compute: {terms} .", "The answer is {answer} .", "[SEP] "
STEP = {
    "input": "{term}",
    "computation": "{term} + sum = {term} + {before} =",
    "output": "{total}",
    "variables": "sum: {total} = {after}",
    "remaining": "{rest}",
}


def vocabulary(*, separator: bool = False) -> Vocabulary:
    """Vocabulary of sums, with or without a separator at the end of the prompt."""
    return characters(PROMPT, " + ", ANSWER, words(STEP), SEPARATOR if separator else "", *DIGITS)


def write(
    terms: Int[Tensor, "batch length"], modulus: int, parts: Sequence[str] | None, *, separator: bool = False
) -> Text:
    """Write sums modulo a number as text.

    Args:
        terms: the terms.
        modulus: the modulus, 10 in the paper.
        parts: parts of the scratchpad, which has one step per term; None for no scratchpad.
        separator: whether the prompt ends in `[SEP] `, as in the paper.
    """
    length = terms.shape[1]
    speech = vocabulary(separator=separator)
    states = terms.cumsum(1) % modulus
    figures = number(speech, terms)
    template = PROMPT + (SEPARATOR if separator else "")
    prompt = fill(speech, template, terms=join(speech, " + ", figures))
    answer = fill(speech, ANSWER, answer=number(speech, states[:, -1]))
    trace: list[Span] = []
    if parts is not None:
        before = pad(states, (1, -1))
        trace = think(
            speech,
            parts,
            STEP,
            torch.ones((1, length), dtype=torch.bool),
            term=figures,
            before=number(speech, before),
            total=number(speech, before + terms),
            after=number(speech, states, ""),
            rest=join(speech, " + ", keep(figures.unsqueeze(1), remaining(length))),
        )
    return Text(spans(prompt), trace, spans(answer))
