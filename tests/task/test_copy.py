"""Copy against plain lists, written from the specification."""

from string import ascii_lowercase

import pytest
from scipy.stats import chisquare

from lengen.task.copy import Copy

from .reading import combinations, draw, name

LENGTHS = (1, 2, 10, 40)
COMBINATIONS = combinations(Copy, alphabet=(40, 60), scratchpad=("none",))
COUNT = 80
UNLIKELY = 1e-3


def solve(read, options):
    """The answer that belongs to the symbols of a prompt."""
    rule, items = parse(read, options)
    if rule:
        items = [rule[1] if item == rule[0] else item for item in items]
    return items * options["times"]


def parse(read, options):
    """The rule of a prompt, if it has one, and its items."""
    assert read[-1] == "#"
    if not options["substitute"]:
        return None, read[:-1]
    old, arrow, new, mark = read[:4]
    assert (arrow, mark) == (">", "#")
    return (old, new), read[4:-1]


@pytest.mark.parametrize("options", COMBINATIONS, ids=name)
def test_answers(options):
    for length in LENGTHS:
        batch, pairs = draw(Copy(**options), length, COUNT, seed=length)
        for (read, written), places in zip(pairs, batch.places.tolist(), strict=True):
            assert written == solve(read, options)
            rule, items = parse(read, options)
            assert len(items) == length
            assert set(items).isdisjoint({"#", ">"})
            if options["repeats"] == "unique":
                assert len(set(items)) == length
            if options["repeats"] == "one":
                assert len(set(items)) == 1
            if rule:
                assert rule[0] in items
                assert rule[1] != rule[0]
            # an item and each of its copies share a place, the separator has the one before; the rest has none
            head, index = len(read) - 1 - length, list(range(2, length + 2))
            expected = [0] * head + index + [1] + index * options["times"]
            assert places == expected + [0] * (len(places) - len(expected))


@pytest.mark.parametrize("repeats", ["allowed", "unique", "one"])
def test_symbols_are_uniform(repeats):
    _, pairs = draw(Copy(alphabet=8, repeats=repeats), 4, 1000)
    for index in (0, 3):  # one a list: the symbols of a list need not be independent
        text = "".join(read[index] for read, _ in pairs)
        assert chisquare([text.count(symbol) for symbol in ascii_lowercase[:8]]).pvalue > UNLIKELY


def test_allowed_repeats_are_independent():
    _, pairs = draw(Copy(alphabet=4), 2, 1600)
    seen = ["".join(written) for _, written in pairs]
    counts = [seen.count(first + second) for first in "abcd" for second in "abcd"]
    assert chisquare(counts).pvalue > UNLIKELY


def test_unique_lists_are_uniform():
    _, pairs = draw(Copy(alphabet=4, repeats="unique"), 2, 1200)
    seen = ["".join(written) for _, written in pairs]
    counts = [seen.count(first + second) for first in "abcd" for second in "abcd" if first != second]
    assert sum(counts) == 1200
    assert chisquare(counts).pvalue > UNLIKELY


def test_rules_are_uniform():
    _, pairs = draw(Copy(alphabet=4, repeats="unique", substitute=True), 3, 1200)
    rules = [read[0] + read[2] for read, _ in pairs]
    counts = [rules.count(old + new) for old in "abcd" for new in "abcd" if old != new]
    assert sum(counts) == 1200
    assert chisquare(counts).pvalue > UNLIKELY


def test_alphabet_is_used_up():
    _, pairs = draw(Copy(alphabet=55, repeats="unique"), 55, 2)
    assert all(len(set(written)) == 55 for _, written in pairs)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"alphabet": 0}, ["task.alphabet=0", "at least 1"]),
        ({"alphabet": 1, "substitute": True}, ["task.alphabet=1", "at least 2"]),
    ],
)
def test_refusals(options, words):
    with pytest.raises(ValueError) as refusal:
        Copy(**options)
    assert all(word in str(refusal.value) for word in words)


def test_too_long_for_unique_symbols():
    with pytest.raises(ValueError, match=r"length 6: task\.repeats=unique allows at most task\.alphabet=5"):
        draw(Copy(alphabet=5, repeats="unique"), 6, 1)


@pytest.mark.parametrize("length", [1, 2, 3, 5, 7, 30])
def test_ngrams_come_again_and_again(length):
    _, pairs = draw(Copy(alphabet=30, repeats="ngram"), length, 300)
    largest, periods = max(min(4, length // 2), 1), set()
    for read, _ in pairs:
        items = read[:-1]
        period = next(
            size
            for size in range(1, length + 1)
            if all(items[index] == items[index % size] for index in range(length))
        )
        periods.add(period)
        assert period <= largest
    assert largest in periods
    assert length < 8 or periods >= {2, 3, 4}
