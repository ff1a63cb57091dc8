"""Associative recall with a dictionary, written from the specification."""

from string import ascii_lowercase, ascii_uppercase

import pytest
from scipy.stats import chisquare

from lengen.task.associative_recall import AssociativeRecall

from .reading import combinations, draw, name

LENGTHS = (1, 2, 3, 10, 41)
COUNT = 40
UNLIKELY = 1e-3
COMBINATIONS = combinations(
    AssociativeRecall, keys=(41, 100), values=(1, 30), queries=(1, 3, 20), filler=(0, 1, 4)
)


def parse(read, filler):
    """The pairs in their order, and the queries."""
    assert read[-1] == "#"
    mark, size = read.index("?"), 2 + filler
    assert mark % size == 0
    groups = [read[start : start + size] for start in range(0, mark, size)]
    assert all(group[2:] == ["."] * filler for group in groups)
    return [tuple(group[:2]) for group in groups], read[mark + 1 : -1]


@pytest.mark.parametrize("options", COMBINATIONS, ids=name)
def test_answers(options):
    for length in LENGTHS:
        batch, pairs = draw(AssociativeRecall(**options), length, COUNT, seed=length)
        assert batch.places is None
        for read, written in pairs:
            found, queries = parse(read, options["filler"])
            values = dict(found)
            assert len(found) == len(values) == length  # no key twice
            assert not set(values) & set(values.values())
            assert len(set(queries)) == len(queries) == min(options["queries"], length)
            if options["written"] == "pairs":
                assert written[::2] == queries
                written = written[1::2]  # noqa: PLW2901
            assert written == [values[query] for query in queries]
            if options["asked"] == "first":
                assert set(queries) == {key for key, _ in found[: len(queries)]}


def test_pairs_and_queries_are_uniform():
    _, pairs = draw(AssociativeRecall(keys=26, values=4, queries=2), 6, 2600)
    parsed = [parse(read, 0) for read, _ in pairs]
    keys = [found[5][0] for found, _ in parsed]
    assert chisquare([keys.count(key) for key in ascii_lowercase]).pvalue > UNLIKELY
    values = [found[5][1] for found, _ in parsed]
    assert chisquare([values.count(value) for value in ascii_uppercase[:4]]).pvalue > UNLIKELY
    for query in (0, 1):
        asked = [[key for key, _ in found].index(queries[query]) for found, queries in parsed]
        assert chisquare([asked.count(index) for index in range(6)]).pvalue > UNLIKELY


def test_first_pairs_are_asked_in_any_order():
    task = AssociativeRecall(keys=26, queries=2).stress_sets()["first"]
    parsed = [parse(read, 0) for read, _ in draw(task, 6, 1000)[1]]
    turned = sum(found[0][0] == queries[1] for found, queries in parsed)
    assert chisquare([turned, 1000 - turned]).pvalue > UNLIKELY


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"keys": 0}, ["task.keys=0", "at least 1"]),
        ({"values": 0}, ["task.values=0", "at least 1"]),
        ({"queries": 0}, ["task.queries=0", "at least 1"]),
        ({"filler": -1}, ["task.filler=-1", "at least 0"]),
    ],
)
def test_refusals(options, words):
    with pytest.raises(ValueError) as refusal:
        AssociativeRecall(**options)
    assert all(word in str(refusal.value) for word in words)


def test_more_pairs_than_keys():
    with pytest.raises(ValueError, match=r"length 9: task\.keys=8 allows at most 8 pairs"):
        draw(AssociativeRecall(keys=8), 9, 1)
