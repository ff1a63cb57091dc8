"""Reversal as text: prompt `Reverse: a b c [SEP] `, answer `c b a`."""

from __future__ import annotations

from collections.abc import Sequence

from jaxtyping import Int
from torch import Tensor

from lengen.task import Vocabulary
from lengen.task.text import Text, characters, fill, join, spans, table

PROMPT = "Reverse: {given} [SEP] "


def vocabulary(names: Sequence[str]) -> Vocabulary:
    """Vocabulary of strings of symbols with these names."""
    return characters(PROMPT, " ", *names)


def write(items: Int[Tensor, "batch length"], names: Sequence[str]) -> Text:
    """Write reversal examples as text; items are indices of names."""
    speech = vocabulary(names)
    given = table(speech, names)[items]
    prompt = fill(speech, PROMPT, given=join(speech, " ", given))
    return Text(spans(prompt), [], spans(join(speech, " ", given.flip(1))))
