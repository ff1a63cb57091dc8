"""Categories of runs, by supervision and architecture. Tables that compare different categories name them."""

from __future__ import annotations

MEANINGS = {
    "A": "plain decoder, answer only",
    "B": "positions or format mark which tokens correspond",
    "C": "supervised scratchpad",
    "D": "assistance at test time",
    "E": "trained on some longer examples",
    "F": "looped decoder",
    "G": "changed after training, nothing longer seen",
    "S": "trained on longer examples with answers of its own",
}


def category(
    *,
    aligned: bool,
    traced: bool,
    longer: bool,
    looped: bool,
    tuned: bool = False,
    own_labels: bool = False,
    before: str = "",
) -> str:
    """Return the category letters of a run; A if no other applies.

    >>> category(aligned=True, traced=False, longer=False, looped=True)
    'BF'
    >>> category(aligned=False, traced=False, longer=False, looped=False, tuned=True, before="E")
    'E'

    Args:
        aligned: positions or format mark which tokens correspond.
        traced: the scratchpad is supervised, not only the result.
        longer: some training examples are longer than the train length.
        looped: the decoder applies its blocks several times.
        tuned: the decoder was trained before, and then tuned.
        own_labels: the answers of longer examples are those of the decoder itself.
        before: letters of the run that was tuned, whose longer examples this one has seen, too.
    """
    found = {
        "B": aligned,
        "C": traced,
        "E": (longer and not own_labels) or "E" in before,
        "F": looped,
        "G": tuned and not longer and not {"E", "S"} & {*before},
        "S": (longer and own_labels) or "S" in before,
    }  # no option assists at test time yet, which would be D
    return "".join(letter for letter, holds in found.items() if holds) or "A"


def described(letters: str) -> str:
    """Describe category letters in words; empty if there are none.

    >>> described("BC")
    'category BC: positions or format mark which tokens correspond; supervised scratchpad'
    """
    meanings = "; ".join(MEANINGS[letter] for letter in letters if letter in MEANINGS)
    return f"category {letters}: {meanings}" if meanings else ""
