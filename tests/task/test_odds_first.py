"""Odds first by going through the string twice, written from the specification."""

import pytest
from scipy.stats import chisquare

from lengen.task.odds_first import OddsFirst

from .reading import combinations, draw, name

LENGTHS = (1, 2, 3, 10, 41)
COUNT = 60
UNLIKELY = 1e-3


def solve(items, first="odd"):
    """Items at the first, third, fifth … place, then those at the second, fourth …, or the other way round."""
    numbered = list(enumerate(items, 1))
    odd = [item for place, item in numbered if place % 2]
    even = [item for place, item in numbered if not place % 2]
    return odd + even if first == "odd" else even + odd


@pytest.mark.parametrize("options", combinations(OddsFirst, alphabet=(2, 60)), ids=name)
def test_answers(options):
    for length in LENGTHS:
        batch, pairs = draw(OddsFirst(**options), length, COUNT, seed=length)
        for (read, written), places in zip(pairs, batch.places.tolist(), strict=True):
            items = read[:-1]
            assert read[-1] == "#"
            assert len(items) == length
            assert "#" not in items
            assert written == solve(items, options["first"])
            index = list(range(2, length + 2))
            assert places == [*index, 1, *solve(index, options["first"]), 0]


def test_both_orders():
    # DeepMind's docstring: s_1 s_3 s_5 ... s_2 s_4 ...; its code: strings[:, 1::2], then strings[:, ::2]
    assert solve("00110101") == list("01000111")
    for first, expected in (("odd", "acebd"), ("even", "bdace")):
        _, pairs = draw(OddsFirst(alphabet=30, first=first), 5, 1)
        read, written = pairs[0]
        assert written == [read["abcde".index(letter)] for letter in expected]


def test_strings_are_uniform():
    _, pairs = draw(OddsFirst(), 3, 1600)
    seen = ["".join(read[:3]) for read, _ in pairs]
    strings = [first + second + third for first in "ab" for second in "ab" for third in "ab"]
    assert chisquare([seen.count(string) for string in strings]).pvalue > UNLIKELY


def test_stress_strings_come_again_and_again():
    for read, _ in draw(OddsFirst(alphabet=30).stress_sets()["repeats"], 20, 100)[1]:
        items = read[:-1]
        assert any(items == (items[:size] * 20)[:20] for size in (2, 3, 4))


def test_refusals():
    with pytest.raises(ValueError, match=r"task\.alphabet=0: must be at least 1"):
        OddsFirst(alphabet=0)
