"""Lookup with dictionaries, written from the specification."""

from functools import cache
from string import ascii_lowercase, ascii_uppercase

import pytest
from scipy.stats import chisquare

from lengen.task.lookup import Lookup

from .reading import combinations, draw, name

LENGTHS = (1, 2, 3, 10, 41)
COUNT = 20
UNLIKELY = 1e-3
SIZES = [(1, 1), (2, 4), (8, 8), (26, 3)]


def parse(read, options):
    """Entries of the tables that are given, the value and the functions in the order of application."""
    assert read[-1] == "#"
    question, entries = read[:-1], []
    if options["tables"] == "given":
        colon = read.index(":")
        assert colon % 3 == 0
        entries = [tuple(read[start : start + 3]) for start in range(0, colon, 3)]
        question = read[colon + 1 : -1]
    if options["direction"] == "backward":
        question = question[::-1]
    return entries, question[0], question[1:]


def values(tables, value, chain):
    """The value after every step."""
    found = []
    for function in chain:
        value = tables[function, value]
        found.append(value)
    return found


def check_tables(entries, functions, size):
    """Every function is a permutation of the values, and every entry is there once."""
    assert len(entries) == functions * size
    tables = {(function, argument): value for function, argument, value in entries}
    assert set(tables) == {(f, a) for f in ascii_uppercase[:functions] for a in ascii_lowercase[:size]}
    for function in ascii_uppercase[:functions]:
        images = {value for (used, _), value in tables.items() if used == function}
        assert images == set(ascii_lowercase[:size])
    return tables


@cache
def fixed_tables(functions, size):
    """The tables that are never read, from problems of a single step."""
    options = {"direction": "forward", "tables": "fixed", "functions": functions, "values": size}
    _, pairs = draw(Lookup(**options), 1, 1500)
    entries = {(*parse(read, options)[2], parse(read, options)[1], *written) for read, written in pairs}
    return check_tables(entries, functions, size)


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("options", combinations(Lookup), ids=name)
def test_answers(options, size):
    options = options | {"functions": size[0], "values": size[1]}
    fixed = fixed_tables(*size) if options["tables"] == "fixed" else None
    for length in LENGTHS:
        _, pairs = draw(Lookup(**options), length, COUNT, seed=length)
        for read, written in pairs:
            entries, value, chain = parse(read, options)
            tables = fixed or check_tables(entries, *size)
            assert len(chain) == length
            states = values(tables, value, chain)
            assert written == (states if options["scratchpad"] == "running" else states[-1:])
            assert options["chain"] == "mixed" or len(set(chain)) == 1


@pytest.mark.parametrize("options", combinations(Lookup), ids=name)
def test_places(options):
    batch, _ = draw(Lookup(**options), 5, 3)
    for row in batch.places.tolist():
        given = 3 * 2 * 4 + 1 if options["tables"] == "given" else 0
        assert set(row[:given]) <= {0}
        question = row[given : given + 6]
        if options["direction"] == "backward":
            question = question[::-1]
        assert question == [1, 2, 3, 4, 5, 6]
        # the value after a step shares a place with its function, the separator is next to the first that is written
        written = [2, 3, 4, 5, 6] if options["scratchpad"] == "running" else [6]
        assert row[given + 6 :] == [written[0] - 1, *written, 0]


def test_only_the_last_value_is_the_result():
    batch, _ = draw(Lookup(scratchpad="running"), 5, 3)
    assert batch.answer.sum(1).tolist() == [6, 6, 6]
    assert batch.result.sum(1).tolist() == [2, 2, 2]


def test_fixed_tables_differ_from_each_other():
    tables = fixed_tables(8, 8)
    images = {tuple(tables[function, value] for value in "abcdefgh") for function in "ABCDEFGH"}
    assert len(images) == 8


def test_given_tables_their_order_values_and_chains_are_uniform():
    options = {"direction": "forward", "tables": "given", "functions": 2, "values": 3}
    _, pairs = draw(Lookup(**options), 2, 2400)
    parsed = [parse(read, options) for read, _ in pairs]
    images = []
    for entries, _, _ in parsed:
        tables = check_tables(entries, 2, 3)
        images.append("".join(tables["A", value] for value in "abc"))
    permutations = ("abc", "acb", "bac", "bca", "cab", "cba")
    assert chisquare([images.count(image) for image in permutations]).pvalue > UNLIKELY
    first = [function + argument for ((function, argument, _), *_), _, _ in parsed]
    assert chisquare([first.count(f + a) for f in "AB" for a in "abc"]).pvalue > UNLIKELY
    starts = [value for _, value, _ in parsed]
    assert chisquare([starts.count(value) for value in "abc"]).pvalue > UNLIKELY
    chains = ["".join(chain) for _, _, chain in parsed]
    assert chisquare([chains.count(chain) for chain in ("AA", "AB", "BA", "BB")]).pvalue > UNLIKELY


def test_stress_set_iterates_one_function():
    assert Lookup(values=5).stress_sets() == {"iterated": Lookup(values=5, chain="iterated")}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"functions": 0}, ["task.functions=0", "1 to 26"]),
        ({"functions": 27}, ["task.functions=27", "1 to 26"]),
        ({"values": 0}, ["task.values=0", "1 to 26"]),
        ({"values": 27}, ["task.values=27", "1 to 26"]),
    ],
)
def test_refusals(options, words):
    with pytest.raises(ValueError) as refusal:
        Lookup(**options)
    assert all(word in str(refusal.value) for word in words)
