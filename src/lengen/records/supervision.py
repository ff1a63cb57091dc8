"""The category of a run: the supervision it received. Runs of different categories are comparable only if a table says so."""

from __future__ import annotations

MEANINGS = {
    "A": "plain decoder, answer only",
    "B": "positions or format say what must be matched",
    "C": "a scratchpad was supervised",
    "D": "help from the host at test time",
    "E": "trained on some longer examples",
    "F": "looped decoder",
}


def category(*, aligned: bool, traced: bool, longer: bool, looped: bool) -> str:
    """The letters of a run; A where there is no other.

    >>> category(aligned=True, traced=False, longer=False, looped=True)
    'BF'

    Args:
        aligned: positions or format say what must be matched with what.
        traced: more than the result is supervised.
        longer: some training example is longer than the train length.
        looped: the decoder's blocks are used several times.
    """
    found = {
        "B": aligned,
        "C": traced,
        "E": longer,
        "F": looped,
    }  # nothing helps from the host yet, which is D
    return "".join(letter for letter, holds in found.items() if holds) or "A"


def described(letters: str) -> str:
    """Letters in words; empty where there are none.

    >>> described("BC")
    'category BC: positions or format say what must be matched; a scratchpad was supervised'
    """
    said = "; ".join(MEANINGS[letter] for letter in letters if letter in MEANINGS)
    return f"category {letters}: {said}" if said else ""
