"""LEGO as text: prompt `If t = - q, q = -1. Then, what is the value of t? `, answer `The answer is +1.`."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Int
from torch import Tensor
from torch.nn.functional import pad

from lengen.task import PAD, Vocabulary
from lengen.task.text import Text, characters, fill, join, keep, spans, table
from lengen.task.text.scratchpad import think, words

PROMPT, ANSWER = "If {clauses}. Then, what is the value of {query}? ", "The answer is {answer}."
CLAUSE = "{variable} = {sign}{gap}{source}"
COMPUTATION = "{sign} {source} = {sign} {value}"
SIGNS, VALUES = ("+", "-"), ("+1", "-1")
STEP = {"input": "{variable}", "computation": "{computation}", "output": "{value}", "remaining": "{rest}"}


def vocabulary(names: Sequence[str]) -> Vocabulary:
    """Vocabulary of chains of variables with these names."""
    return characters(PROMPT, CLAUSE, ", ", ANSWER, COMPUTATION, *VALUES, words(STEP), *names)


def write(
    variables: Int[Tensor, "batch length"],
    negative: Int[Tensor, "batch length"],
    order: Int[Tensor, "batch length"],
    query: Int[Tensor, " batch"],
    names: Sequence[str],
    parts: Sequence[str] | None,
) -> Text:
    """Write LEGO examples as text.

    Args:
        variables: variables of the chain from its root, as indices of names.
        negative: 1 if the root is -1, or if a later variable is minus the one before it; else 0.
        order: index in the chain of each clause of the prompt.
        query: index in the chain of the queried variable.
        names: names of the variables.
        parts: parts of the scratchpad, which goes from the root to the queried variable; None for no scratchpad.
    """
    speech = vocabulary(names)
    length = variables.shape[1]
    spelled, signs = table(speech, names)[variables], table(speech, SIGNS)[negative]
    values = table(speech, VALUES)[negative.cumsum(1) % 2]
    one = torch.zeros_like(spelled[:, :1])
    one[:, :, 0] = speech["1"]
    sources = torch.cat([one, spelled[:, :-1]], 1)
    gap = torch.full((length, 1), speech[" "])
    gap[0] = PAD
    clauses = fill(speech, CLAUSE, variable=spelled, sign=signs, gap=gap, source=sources)
    clauses = clauses.gather(1, order.unsqueeze(2).expand(-1, -1, clauses.shape[2]))
    queried = torch.arange(length) == query.unsqueeze(1)
    prompt = fill(speech, PROMPT, clauses=join(speech, ", ", clauses), query=spelled[queried])
    answer = fill(speech, ANSWER, answer=values[queried])
    if parts is None:
        return Text(spans(prompt), [], spans(answer))
    computation = fill(speech, COMPUTATION, sign=signs, source=sources, value=pad(values, (0, 0, 1, -1)))
    computation[:, 0] = PAD
    unresolved = order.unsqueeze(1) > torch.arange(length).unsqueeze(1)
    trace = think(
        speech,
        parts,
        STEP,
        torch.arange(length) <= query.unsqueeze(1),
        variable=spelled,
        computation=computation,
        value=values,
        rest=join(speech, ", ", keep(clauses.unsqueeze(1), unresolved)),
    )
    return Text(spans(prompt), trace, spans(answer))
