"""Sort against Python's own, written from the specification."""

from itertools import permutations
from string import ascii_letters

import pytest
from scipy.stats import chisquare

from lengen.task.sort import Sort

from .reading import combinations, draw, name

LENGTHS = (1, 2, 3, 10, 45)
COMBINATIONS = combinations(Sort, alphabet=(50, 70), digits=(1, 2, 3, 5), scratchpad=("none",))
COUNT = 40
UNLIKELY = 1e-3


def split(symbols, options):
    """The items that some symbols spell: symbols themselves, or numbers between commas."""
    return symbols if options["digits"] == 1 else "".join(symbols).split(",")


def rank(item, options):
    """Where an item stands in the order: a to z, A to Z and then numbered; or the value of a number."""
    if options["digits"] > 1:
        return int(item)
    return ascii_letters.index(item) if len(item) == 1 else int(item[1:])


def parse(read, options):
    """The items of a prompt, and the item that it asks the successor of, if it does."""
    assert read[-1] == "#"
    if "?" not in read:
        return split(read[:-1], options), None
    mark = read.index("?")
    (asked,) = split(read[mark + 1 : -1], options)
    return split(read[:mark], options), asked


def solve(read, options):
    """The items that belong to the symbols of a prompt."""
    items, asked = parse(read, options)
    if asked is None:
        return sorted(items, key=lambda item: rank(item, options))
    larger = [item for item in items if rank(item, options) > rank(asked, options)]
    return [min(larger, key=lambda item: rank(item, options))]


@pytest.mark.parametrize("options", COMBINATIONS, ids=name)
def test_answers(options):
    task = Sort(**options)
    for length in LENGTHS:
        batch, pairs = draw(task, length, COUNT, seed=length)
        assert batch.places is None  # the place of an item would be its rank: the answer
        for read, written in pairs:
            assert split(written, options) == solve(read, options)
            items, asked = parse(read, options)
            assert len(items) == length
            if options["given"] == "equal":
                assert len(set(items)) == 1
            else:
                assert options["duplicates"] or len(set(items)) == length
            ranks = [rank(item, options) for item in items]
            if options["given"] in ("sorted", "reversed"):
                assert ranks == sorted(ranks, reverse=options["given"] == "reversed")
            if options["digits"] > 1:
                assert {len(item) for item in items} == {options["digits"]}
            if asked is not None:
                assert options["hint"] == "successor"
                assert asked in items


@pytest.mark.parametrize("digits", [1, 2])
def test_duplicates_come(digits):
    options = {"alphabet": 5, "duplicates": True, "digits": digits}
    _, pairs = draw(Sort(**options), 40, 20)
    assert all(len(set(parse(read, options)[0])) < 40 for read, _ in pairs)


def test_successor_is_asked_half_of_the_time():
    _, pairs = draw(Sort(hint="successor"), 10, 2000)
    asked = sum("?" in read for read, _ in pairs)
    assert chisquare([asked, 2000 - asked]).pvalue > UNLIKELY
    # any item but the largest is asked alike
    ranks = [
        sorted(read[:10], key=lambda item: rank(item, {"digits": 1})).index(read[11])
        for read, _ in pairs
        if "?" in read
    ]
    assert chisquare([ranks.count(index) for index in range(9)]).pvalue > UNLIKELY


def test_successor_with_duplicates_is_larger():
    options = {"alphabet": 3, "duplicates": True, "hint": "successor", "digits": 1}
    asked = 0
    for length in (1, 2, 3, 6):
        _, pairs = draw(Sort(**options), length, 300)
        for read, written in pairs:
            assert written == solve(read, options)
            asked += "?" in read
            if len(set(parse(read, options)[0])) == 1:
                assert "?" not in read  # no item has a successor
    assert asked > 300


def test_sweep_asks_for_the_list():
    _, pairs = draw(Sort(hint="successor").evaluation_task(), 5, 200)
    assert not any("?" in read for read, _ in pairs)


def test_distinct_lists_are_uniform():
    _, pairs = draw(Sort(alphabet=4), 3, 2400)
    seen = ["".join(read[:3]) for read, _ in pairs]
    assert chisquare([seen.count("".join(items)) for items in permutations("abcd", 3)]).pvalue > UNLIKELY


def test_lists_are_uniform_where_repetitions_are_drawn_again():
    # 300 of 10,000 values: four or five of them come twice at first
    options = {"digits": 4}
    _, pairs = draw(Sort(**options), 300, 100)
    lists = [[int(item) for item in parse(read, options)[0]] for read, _ in pairs]
    assert all(len(set(items)) == 300 for items in lists)
    for half in (slice(150), slice(150, None)):
        values = [item // 500 for items in lists for item in items[half]]
        assert chisquare([values.count(bin_) for bin_ in range(20)]).pvalue > UNLIKELY
    # of two neighbours either may be the larger
    rises = sum(items[298] < items[299] for items in lists)
    assert 30 < rises < 70


def test_symbols_are_uniform_with_duplicates():
    _, pairs = draw(Sort(alphabet=4, duplicates=True), 2, 1600)
    seen = ["".join(read[:2]) for read, _ in pairs]
    assert chisquare([seen.count(first + second) for first in "abcd" for second in "abcd"]).pvalue > UNLIKELY


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"alphabet": 1}, ["task.alphabet=1", "at least 2"]),
        ({"digits": 0}, ["task.digits=0", "1 to 6"]),
        ({"digits": 7}, ["task.digits=7", "1 to 6"]),
    ],
)
def test_refusals(options, words):
    with pytest.raises(ValueError) as refusal:
        Sort(**options)
    assert all(word in str(refusal.value) for word in words)


def test_too_many_distinct_items():
    with pytest.raises(ValueError, match=r"length 11: without task\.duplicates there are 10 items"):
        draw(Sort(alphabet=10), 11, 1)
    with pytest.raises(ValueError, match="there are 100 items"):
        draw(Sort(digits=2), 101, 1)
    assert len(draw(Sort(alphabet=10), 10, 1)[1][0][1]) == 10


def test_stress_sets_are_those_that_training_could_draw():
    assert set(Sort().stress_sets()) == {"sorted", "reversed"}
    assert set(Sort(duplicates=True).stress_sets()) == {"sorted", "reversed", "equal"}
