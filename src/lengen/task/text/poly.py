"""Polynomials as text: prompt `Evaluate at x = 2 in - 2 * x ** 2 + 3 * x ** 3 ? `, answer `The answer is 6.`."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Int
from torch import Tensor
from torch.nn.functional import pad

from lengen.task import DIGITS, Span
from lengen.task.text import NEGATIVE, Text, characters, fill, join, keep, number, remaining, spans
from lengen.task.text.scratchpad import think, words

PROMPT, ANSWER = "Evaluate at x = {x} in {terms} ? ", "The answer is {answer}."
TERM = "{coefficient} * x ** {exponent}"
STEP = {
    "input": TERM,
    "computation": "{coefficient} * {x} ** {exponent} = {coefficient} * {power}",
    "output": "{value}",
    "variables": "sum: {before} + {value} = {after}",
    "remaining": "{rest}",
}
VOCABULARY = characters(PROMPT, TERM, " + ", NEGATIVE, ANSWER, words(STEP), *DIGITS)


def write(
    coefficients: Int[Tensor, "batch length"],
    exponents: Int[Tensor, "batch length"],
    x: Int[Tensor, " batch"],
    modulus: int,
    parts: Sequence[str] | None,
) -> Text:
    """Write polynomials modulo a number (10 in the paper) as text; `parts` are those of the scratchpad, None for none."""
    length = coefficients.shape[1]
    powers = x.unsqueeze(1) ** exponents
    values = coefficients * powers
    states = values.cumsum(1) % modulus
    named = {
        "x": number(VOCABULARY, x).unsqueeze(1),
        "coefficient": number(VOCABULARY, coefficients),
        "exponent": number(VOCABULARY, exponents),
    }
    terms = fill(VOCABULARY, TERM, **named)
    prompt = fill(VOCABULARY, PROMPT, x=number(VOCABULARY, x), terms=join(VOCABULARY, " + ", terms))
    answer = fill(VOCABULARY, ANSWER, answer=number(VOCABULARY, states[:, -1]))
    trace: list[Span] = []
    if parts is not None:
        trace = think(
            VOCABULARY,
            parts,
            STEP,
            torch.ones((1, length), dtype=torch.bool),
            **named,
            power=number(VOCABULARY, powers),
            value=number(VOCABULARY, values),
            before=number(VOCABULARY, pad(states, (1, -1))),
            after=number(VOCABULARY, states),
            rest=join(VOCABULARY, " + ", keep(terms.unsqueeze(1), remaining(length))),
        )
    return Text(spans(prompt), trace, spans(answer))
