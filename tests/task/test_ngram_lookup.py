"""N-gram lookup by trying every place of the string, written from the specification."""

import re
from collections import Counter
from itertools import product

import pytest
from scipy.stats import chisquare

from lengen.task.ngram_lookup import NgramLookup

from .reading import combinations, draw, name

LENGTHS = (1, 2, 3, 10, 41)
COUNT = 40
UNLIKELY = 1e-3


def parse(read):
    """The string and the key."""
    return re.fullmatch(r"(\w+)\?(\w+)#", "".join(read)).groups()


def places(string, key):
    """Where the key stands in the string."""
    return [start for start in range(len(string)) if string.startswith(key, start)]


def solve(string, key, options):
    """What stands beside the key."""
    (start,) = places(string, key)
    if options["side"] == "prefix":
        end = start + len(key)
        return string[end : end + options["answer"]]
    return string[start - options["answer"] : start]


@pytest.mark.parametrize(
    "options", combinations(NgramLookup, alphabet=(7, 26), key=(2, 3), answer=(1, 2, 5)), ids=name
)
def test_answers(options):
    for length in LENGTHS:
        batch, pairs = draw(NgramLookup(**options), length, COUNT, seed=length)
        assert batch.places is None
        for read, written in pairs:
            string, key = parse(read)
            assert len(key) == options["key"]
            assert len(string) - len(key) - len(written) == length
            assert len(written) == options["answer"]
            assert "".join(written) == solve(string, key, options)


@pytest.mark.parametrize("side", ["prefix", "suffix"])
def test_stresses(side):
    task = NgramLookup(side=side, key=3)
    stress_sets = task.stress_sets()
    assert list(stress_sets) == ["near", *(f"depth={tenth / 10:.2f}" for tenth in range(11))]
    for tenth in (0, 3, 10):
        for read, _ in draw(stress_sets[f"depth={tenth / 10:.2f}"], 20, COUNT)[1]:
            (start,) = places(*parse(read))
            assert start == 2 * tenth + (2 if side == "suffix" else 0)
    for read, _ in draw(stress_sets["near"], 40, COUNT)[1]:
        string, key = parse(read)
        (start,) = places(string, key)
        start -= 2 if side == "suffix" else 0
        tiles = [range(first, first + 3) for first in range(0, len(string) - 2, 3)]
        for tile in tiles:
            if tile[-1] < start or tile[0] >= start + 5:
                assert sum(string[place] != key[place % 3] for place in tile) == 1


@pytest.mark.parametrize("side", ["prefix", "suffix"])
def test_strings_and_places_are_uniform_where_the_key_comes_once(side):
    _, pairs = draw(NgramLookup(alphabet=3, side=side, key=1, answer=1), 1, 2400)
    seen = Counter((*parse(read), *places(*parse(read))) for read, _ in pairs)
    allowed = []
    for symbols, key in product(product("abc", repeat=3), "abc"):
        string = "".join(symbols)
        (start, *more) = [*places(string, key), -1]
        if more == [-1] and (start < 2 if side == "prefix" else start > 0):
            allowed.append((string, key, start))
    assert set(seen) == set(allowed)
    assert chisquare([seen[case] for case in allowed]).pvalue > UNLIKELY


def test_key_stands_anywhere():
    _, pairs = draw(NgramLookup(), 4, 2000)
    starts = [places(*parse(read))[0] for read, _ in pairs]
    assert chisquare([starts.count(start) for start in range(5)]).pvalue > UNLIKELY


def test_keys_are_unique_where_most_would_not_be():
    options = {"alphabet": 3, "side": "prefix", "key": 3, "answer": 1}
    for read, written in draw(NgramLookup(**options), 25, 200)[1]:
        assert "".join(written) == solve(*parse(read), options)


def test_too_long_for_a_key_that_comes_once():
    with pytest.raises(ValueError, match=r"length 7: .* give 9 keys for 10 places"):
        draw(NgramLookup(alphabet=3), 7, 1)
    assert len(draw(NgramLookup(alphabet=3), 6, 1)[1]) == 1


@pytest.mark.parametrize(("option", "value", "least"), [("alphabet", 1, 2), ("key", 0, 1), ("answer", 0, 1)])
def test_refusals(option, value, least):
    with pytest.raises(ValueError, match=rf"task\.{option}={value}: must be at least {least}"):
        NgramLookup(**{option: value})
