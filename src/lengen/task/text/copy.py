"""Copying as text: `Copy: a b c [SEP] `, answer `a b c`; `Replace 6 with > in 6 6 6 [SEP] `, answer `> > >`."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

from jaxtyping import Int
from torch import Tensor

from lengen.task import Vocabulary
from lengen.task.text import Text, characters, fill, join, spans, table

COPY, REPLACE = "Copy: {given} [SEP] ", "Replace {old} with {new} in {given} [SEP] "
ONCE, TWICE, NEXT = "{answer}", "{answer} {answer}", "{answer} [NEXT] {answer}"
CONSONANTS, VOWELS = "bdfgklmnprstvz", "aeiou"
WORDS = tuple(first + vowel + last for last, vowel, first in product(CONSONANTS, VOWELS, CONSONANTS))
"""Made-up words of three letters."""


def vocabulary(names: Sequence[str]) -> Vocabulary:
    """Vocabulary of copies of symbols with these names."""
    return characters(COPY, REPLACE, NEXT, *names)


def write(
    items: Int[Tensor, "batch length"],
    answer: Int[Tensor, "batch length"],
    rule: tuple[Int[Tensor, "batch 1"], Int[Tensor, "batch 1"]] | None,
    names: Sequence[str],
    form: str,
) -> Text:
    """Write copy examples as text.

    Args:
        items: symbols of the prompt, as indices of names.
        answer: symbols of the answer, as indices of names.
        rule: the symbol to replace and its replacement; None for plain copying.
        names: names of the symbols.
        form: template of the answer: `ONCE`, `TWICE` (in the paper, for one symbol repeated) or `NEXT` (for words).
    """
    speech = vocabulary(names)
    spelled = table(speech, names)
    given = join(speech, " ", spelled[items])
    prompt = fill(speech, COPY, given=given)
    if rule is not None:
        old, new = (spelled[symbol.squeeze(1)] for symbol in rule)
        prompt = fill(speech, REPLACE, old=old, new=new, given=given)
    written = fill(speech, form, answer=join(speech, " ", spelled[answer]))
    return Text(spans(prompt), [], spans(written))
