"""Counting against Python's own, written from the specification."""

import pytest
from scipy.stats import chisquare
from tests.options import choices

from lengen.task.count import Count

from .reading import combinations, draw, name

LENGTHS = (1, 2, 3, 10, 41, 120)
COMBINATIONS = combinations(Count, alphabet=(2, 60), digits=(None, 3))
COUNT = 60
UNLIKELY = 1e-3


def parse(read):
    """The symbols that are searched, and the one that is asked for."""
    assert (read[-3], read[-1]) == ("?", "=")
    return read[:-3], read[-2]


def solve(read, options):
    """The answer that belongs to the symbols of a prompt."""
    items, asked = parse(read)
    text = str(items.count(asked)).zfill(options["digits"] or 1)
    return list(text if options["order"] == "plain" else reversed(text))


@pytest.mark.parametrize("options", COMBINATIONS, ids=name)
def test_answers(options):
    for length in LENGTHS:
        batch, pairs = draw(Count(**options), length, COUNT, seed=length)
        assert batch.places is None  # they would tell where the symbol is
        for read, written in pairs:
            items, asked = parse(read)
            assert len(items) == length
            assert not {*items, asked} & set("0123456789?=")
            assert written == solve(read, options)
            if options["occurrences"] == "all":
                assert set(items) == {asked}


@pytest.mark.parametrize("occurrences", choices(Count)["occurrences"])
def test_questions_are_uniform(occurrences):
    _, pairs = draw(Count(alphabet=4, occurrences=occurrences), 5, 1600)
    asked = [parse(read)[1] for read, _ in pairs]
    assert chisquare([asked.count(symbol) for symbol in "abcd"]).pvalue > UNLIKELY


def test_numbers_and_places_are_uniform():
    _, pairs = draw(Count(alphabet=4), 5, 3000)
    numbers = [int(written[0]) for _, written in pairs]
    assert chisquare([numbers.count(number) for number in range(6)]).pvalue > UNLIKELY
    once = [
        items.index(asked)
        for items, asked in map(parse, (read for read, _ in pairs))
        if items.count(asked) == 1
    ]
    assert chisquare([once.count(place) for place in range(5)]).pvalue > UNLIKELY
    others = [
        items[0] for items, asked in map(parse, (read for read, _ in pairs)) if asked == "c" != items[0]
    ]
    assert chisquare([others.count(symbol) for symbol in "abd"]).pvalue > UNLIKELY


def test_chance_draws_every_symbol_freely():
    _, pairs = draw(Count(alphabet=4, occurrences="chance"), 3, 3200)
    numbers = [int(written[0]) for _, written in pairs]
    expected = [3200 * share / 64 for share in (27, 27, 9, 1)]
    assert chisquare([numbers.count(number) for number in range(4)], expected).pvalue > UNLIKELY


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"alphabet": 1}, ["task.alphabet=1", "at least 2"]),
        ({"digits": 0}, ["task.digits=0", "null", "at least 1"]),
    ],
)
def test_refusals(options, words):
    with pytest.raises(ValueError) as refusal:
        Count(**options)
    assert all(word in str(refusal.value) for word in words)


def test_too_long_for_its_digits():
    with pytest.raises(ValueError, match=r"length 100: task\.digits=2 allows at most 99 symbols"):
        draw(Count(digits=2), 100, 1)
    assert len(draw(Count(digits=2), 99, 1)[1][0][1]) == 2
