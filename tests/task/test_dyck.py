"""Brackets with a stack, and words by listing them all; written from the specification."""

from itertools import product

import pytest
from scipy.stats import chisquare

from lengen.task.dyck import Dyck

from .reading import combinations, draw, name

LENGTHS = (1, 2, 3, 10, 41)
COMBINATIONS = combinations(Dyck, kinds=(1, 2, 4), depth=(None, 1, 3))
COUNT = 80
UNLIKELY = 1e-3
CLOSES = dict(zip("([{<", ")]}>", strict=True))


def solve(brackets):
    """What closes the brackets of a prompt, and the most that were open in it."""
    stack, most = [], 0
    for bracket in brackets:
        if bracket in CLOSES:
            stack.append(CLOSES[bracket])
        else:
            assert stack.pop() == bracket
        most = max(most, len(stack))
    return stack[::-1], most


@pytest.mark.parametrize("options", COMBINATIONS, ids=name)
def test_answers(options):
    for length in LENGTHS:
        batch, pairs = draw(Dyck(**options), length, COUNT, seed=length)
        assert batch.places is None  # they would tell what closes what
        most = min(options["depth"] or length, length)
        for read, written in pairs:
            assert read[-1] == "#"
            assert read[-2] in CLOSES
            closing, deepest = solve(read[:-1])
            assert written == closing
            assert deepest <= most
            assert len(read) - 1 + len(written) == 2 * length
            if options["opened"] == "most":
                assert len(written) == most


@pytest.mark.parametrize("depth", [None, 3])
def test_number_of_open_brackets_is_uniform(depth):
    _, pairs = draw(Dyck(depth=depth), 6, 1200)
    opened = [len(written) for _, written in pairs]
    assert chisquare([opened.count(size) for size in range(1, (depth or 6) + 1)]).pvalue > UNLIKELY


def words(length, opened, depth):
    """All words of one kind of brackets, up to the last that opens."""
    for steps in product("()", repeat=2 * length - opened):
        heights = [0]
        for step in steps:
            heights.append(heights[-1] + (1 if step == "(" else -1))
        if steps[-1] == "(" and min(heights) >= 0 and max(heights) <= depth and heights[-1] == opened:
            yield "".join(steps)


@pytest.mark.parametrize(("depth", "opened"), [(None, 1), (None, 2), (2, 1), (2, 2), (3, 2)])
def test_words_are_uniform(depth, opened):
    length = 5
    _, pairs = draw(Dyck(kinds=1, depth=depth), length, 2000)
    seen = ["".join(read[:-1]) for read, written in pairs if len(written) == opened]
    known = list(words(length, opened, depth or length))
    assert set(seen) == set(known)
    assert len(known) > 3
    assert chisquare([seen.count(word) for word in known]).pvalue > UNLIKELY


def test_kinds_are_uniform():
    _, pairs = draw(Dyck(kinds=4, opened="most"), 2, 1600)
    seen = ["".join(read[:2]) for read, _ in pairs]
    assert chisquare([seen.count(a + b) for a in CLOSES for b in CLOSES]).pvalue > UNLIKELY


def test_long_words_are_drawn():
    _, pairs = draw(Dyck(opened="most"), 700, 2)  # 2^1400 walks
    assert all(len(written) == 700 for _, written in pairs)
    assert all(written == solve(read[:-1])[0] for read, written in draw(Dyck(), 700, 4)[1])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"kinds": 0}, ["task.kinds=0", "1 to 4"]),
        ({"kinds": 5}, ["task.kinds=5", "1 to 4"]),
        ({"depth": 0}, ["task.depth=0", "null", "at least 1"]),
    ],
)
def test_refusals(options, words):
    with pytest.raises(ValueError) as refusal:
        Dyck(**options)
    assert all(word in str(refusal.value) for word in words)
