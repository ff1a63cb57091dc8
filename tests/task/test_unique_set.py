"""Unique set by going through the string, written from the specification."""

import pytest
from scipy.stats import chisquare

from lengen.task.unique_set import UniqueSet

from .reading import combinations, draw, name

LENGTHS = (1, 2, 3, 10, 41)
COUNT = 60
UNLIKELY = 1e-3


def solve(items):
    """Items that have not been seen before."""
    seen = []
    for item in items:
        if item not in seen:
            seen.append(item)
    return seen


@pytest.mark.parametrize("options", combinations(UniqueSet, alphabet=(1, 2, 8, 60)), ids=name)
def test_answers(options):
    for length in LENGTHS:
        batch, pairs = draw(UniqueSet(**options), length, COUNT, seed=length)
        assert batch.places is None
        for read, written in pairs:
            items = read[:-1]
            assert read[-1] == "#"
            assert len(items) == length
            assert "#" not in items
            assert written == solve(items)
            if options["repeats"] == "few":
                assert len(written) <= 3
            if options["repeats"] == "late":
                assert len(written) == min(length, options["alphabet"])


def test_strings_are_uniform():
    _, pairs = draw(UniqueSet(alphabet=3), 2, 1800)
    seen = ["".join(read[:2]) for read, _ in pairs]
    counts = [seen.count(first + second) for first in "abc" for second in "abc"]
    assert chisquare(counts).pvalue > UNLIKELY


def test_few_symbols_are_of_the_whole_alphabet():
    _, pairs = draw(UniqueSet(alphabet=8, repeats="few"), 20, 1600)
    first = [read[0] for read, _ in pairs]
    assert chisquare([first.count(symbol) for symbol in "abcdefgh"]).pvalue > UNLIKELY
    assert sum(len(written) == 3 for _, written in pairs) > 1500


def test_late_repetitions_are_in_the_first_order():
    _, pairs = draw(UniqueSet(alphabet=5, repeats="late"), 13, 100)
    assert all(read[:13] == (written * 3)[:13] for read, written in pairs)
    assert len({tuple(written) for _, written in pairs}) > 50


def test_stress_sets():
    assert UniqueSet(alphabet=7).stress_sets() == {
        repeats: UniqueSet(alphabet=7, repeats=repeats) for repeats in ("few", "late")
    }


def test_refusals():
    with pytest.raises(ValueError, match=r"task\.alphabet=0: must be at least 1"):
        UniqueSet(alphabet=0)
