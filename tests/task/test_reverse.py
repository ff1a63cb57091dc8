"""Reverse against plain lists, written from the specification."""

import pytest
from scipy.stats import chisquare

from lengen.task.reverse import Reverse

from .reading import combinations, draw, name

LENGTHS = (1, 2, 3, 10, 41)
COUNT = 60
UNLIKELY = 1e-3


def solve(items, then):
    """What is written for some items."""
    backward = items[::-1]
    return backward + {"none": [], "reverse": backward[::-1], "copy": backward}[then]


@pytest.mark.parametrize("options", combinations(Reverse, alphabet=(41, 60)), ids=name)
def test_answers(options):
    for length in LENGTHS:
        batch, pairs = draw(Reverse(**options), length, COUNT, seed=length)
        for (read, written), places in zip(pairs, batch.places.tolist(), strict=True):
            items = read[:-1]
            assert read[-1] == "#"
            assert len(items) == length
            assert "#" not in items
            assert written == solve(items, options["then"])
            if options["repeats"] == "unique":
                assert len(set(items)) == length
            if options["repeats"] == "one":
                assert len(set(items)) == 1
            # an item and each of its copies share a place; the separator is next to the one that comes first
            index = list(range(2, length + 2))
            assert places == [*index, length + 2, *solve(index, options["then"]), 0]


def test_strings_are_uniform():
    _, pairs = draw(Reverse(alphabet=3), 2, 1800)
    seen = ["".join(written) for _, written in pairs]
    counts = [seen.count(first + second) for first in "abc" for second in "abc"]
    assert sum(counts) == 1800
    assert chisquare(counts).pvalue > UNLIKELY


@pytest.mark.parametrize("length", [7, 30])
def test_stress_strings_come_again_and_again(length):
    task = Reverse(alphabet=30, then="copy").stress_sets()["repeats"]
    periods = set()
    for read, written in draw(task, length, 200)[1]:
        items = read[:-1]
        assert written == solve(items, "copy")
        periods.add(next(size for size in range(1, length + 1) if items == (items[:size] * length)[:length]))
    assert max(periods) == min(4, length // 2)


def test_refusals():
    with pytest.raises(ValueError, match=r"task\.alphabet=0: must be at least 1"):
        Reverse(alphabet=0)
    with pytest.raises(ValueError, match=r"length 6: task\.repeats=unique allows at most task\.alphabet=5"):
        draw(Reverse(alphabet=5, repeats="unique"), 6, 1)
