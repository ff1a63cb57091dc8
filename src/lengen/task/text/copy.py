"""Copying in words: `Copy: a b c [SEP] ` and `a b c` to it; `Replace 6 with > in 6 6 6 [SEP] ` and `> > >` to it."""

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
"""Made-up words."""


def vocabulary(names: Sequence[str]) -> Vocabulary:
    """The characters of copies of such symbols."""
    return characters(COPY, REPLACE, NEXT, *names)


def write(
    items: Int[Tensor, "batch length"],
    answer: Int[Tensor, "batch length"],
    rule: tuple[Int[Tensor, "batch 1"], Int[Tensor, "batch 1"]] | None,
    names: Sequence[str],
    form: str,
) -> Text:
    """A string to be copied in words.

    Args:
        items: what is read, as indices of names.
        answer: what is written.
        rule: what is to be replaced by what.
        names: what each symbol is called.
        form: `ONCE`, `TWICE` (the paper's for one symbol repeated) or `NEXT` (its for words).
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
