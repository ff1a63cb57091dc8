"""The most frequent symbol against the standard library's, written from the specification."""

from collections import Counter
from itertools import product
from statistics import mode, multimode

import pytest
from scipy.stats import chisquare

from lengen.task.mode import Mode

from .reading import combinations, draw, name

LENGTHS = (1, 2, 3, 4, 10, 41)
COMBINATIONS = combinations(Mode, alphabet=(3, 60))
COUNT = 80
UNLIKELY = 1e-3


@pytest.mark.parametrize("options", COMBINATIONS, ids=name)
def test_answers(options):
    for length in LENGTHS:
        batch, pairs = draw(Mode(**options), length, COUNT, seed=length)
        assert batch.places is None
        for read, written in pairs:
            assert read[-1] == "#"
            items = read[:-1]
            assert len(items) == length
            assert written == [mode(items)]  # of several the first
            if options["ties"] == "none":
                assert multimode(items) == written


@pytest.mark.parametrize("ties", ["none", "first"])
@pytest.mark.parametrize("length", [3, 4, 9, 10])
def test_close_strings_are_decided_by_one_symbol(length, ties):
    _, pairs = draw(Mode(symbols="close", ties=ties), length, 900)
    for read, _ in pairs:
        numbers = sorted(Counter(read[:-1]).values(), reverse=True)
        most = (length + 1) // 2
        assert numbers == [number for number in (most, most - 1, length - 2 * most + 1) if number]
    answers = [written[0] for _, written in pairs]
    assert chisquare([answers.count(symbol) for symbol in "abcdefghij"]).pvalue > UNLIKELY
    first = sum(read[0] == written[0] for read, written in pairs)
    assert (
        chisquare([first, 900 - first], [900 * most / length, 900 * (length - most) / length]).pvalue
        > UNLIKELY
    )


def test_strings_are_uniform():
    _, pairs = draw(Mode(alphabet=3, ties="first"), 2, 1800)
    seen = ["".join(read[:2]) for read, _ in pairs]
    assert chisquare([seen.count(a + b) for a in "abc" for b in "abc"]).pvalue > UNLIKELY


def test_answers_are_uniform_where_ties_are_broken():
    _, pairs = draw(Mode(alphabet=4), 5, 1600)
    answers = [written[0] for _, written in pairs]
    assert chisquare([answers.count(symbol) for symbol in "abcd"]).pvalue > UNLIKELY


@pytest.mark.parametrize("symbols", ["uniform", "close"])
def test_without_ties_strings_are_uniform_among_those_with_one_answer(symbols):
    _, pairs = draw(Mode(alphabet=3, symbols=symbols), 4, 4500)
    seen = Counter("".join(read[:4]) for read, _ in pairs)
    strings = ["".join(letters) for letters in product("abc", repeat=4) if len(multimode(letters)) == 1]
    if symbols == "close":
        strings = [string for string in strings if len(set(string)) == 3]
    assert set(seen) == set(strings)
    assert chisquare([seen[string] for string in strings]).pvalue > UNLIKELY


@pytest.mark.parametrize(("length", "share"), [(5, 0.432), (10, 0.327), (20, 0.240), (40, 0.193)], ids=str)
def test_the_first_symbol_is_no_shortcut(length, share):
    # shares of uniform strings with a unique mode, by independent code; the rule "promote the first" gave .646 to .247
    _, pairs = draw(Mode(), length, 20_000)
    first = sum(read[0] == written[0] for read, written in pairs)
    assert abs(first / 20_000 - share) < 0.014


def test_close_strings_of_length_two_have_one_symbol():
    _, pairs = draw(Mode(symbols="close"), 2, 50)
    assert all(read[0] == read[1] == written[0] for read, written in pairs)


def test_large_alphabets_are_drawn_in_rounds():
    batch, pairs = draw(Mode(alphabet=500), 2, 300)
    assert len(batch) == 300
    assert all(read[0] == read[1] for read, _ in pairs)


def test_refusal():
    with pytest.raises(ValueError, match=r"task\.alphabet=2: must be at least 3"):
        Mode(alphabet=2)
