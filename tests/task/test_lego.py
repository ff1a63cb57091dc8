"""LEGO by looking up one variable after the other, written from the specification."""

from collections import Counter
from itertools import permutations

import pytest
from scipy.stats import chisquare

from lengen.task.lego import Lego

from .reading import combinations, draw, name

LENGTHS = (1, 2, 3, 10, 41)
COMBINATIONS = combinations(Lego, alphabet=(41, 60))
COUNT = 30
UNLIKELY = 1e-3
OPPOSITE = {"+": "-", "-": "+"}


def parse(read):
    """What every variable is, in the order of the clauses, and which one is asked."""
    *body, question, asked, mark = read
    assert (question, mark) == ("?", "#")
    clauses = " ".join(body).split(" , ")
    given = {}
    for clause in clauses:
        variable, equals, sign, other = clause.split(" ")
        assert equals == "="
        assert sign in OPPOSITE
        assert variable not in given
        given[variable] = (sign, other)
    return given, asked


def value(given, variable):
    """The sign of a variable."""
    sign, other = given[variable]
    if other == "1":
        return sign
    return value(given, other) if sign == "+" else OPPOSITE[value(given, other)]


def chain(given):
    """The variables from the one that is 1 or -1 to the one that no other refers to."""
    following = {other: variable for variable, (_, other) in given.items()}
    found, last = [], "1"
    while last in following:
        last = following[last]
        found.append(last)
    return found


def solve(given, asked, scratchpad):
    """The answer, scratchpad included."""
    variables = chain(given)
    told = variables[: variables.index(asked) + 1] if scratchpad == "chain" else []
    steps = " , ".join(f"{variable} = {value(given, variable)} 1" for variable in told)
    return steps.split(" ") if told else [value(given, asked), "1"]


def test_the_solver_gives_the_example_of_the_paper():
    # 'If c = + t, r = + c, t = - q, q = -1. Then, what is the value of c?' -> 'The answer is +1.'
    given, asked = parse([*"c=+t,r=+c,t=-q,q=-1?c#"])
    assert solve(given, asked, "none") == ["+", "1"]
    assert chain(given) == ["q", "t", "c", "r"]


@pytest.mark.parametrize("options", COMBINATIONS, ids=name)
def test_answers(options):
    for length in LENGTHS:
        batch, pairs = draw(Lego(**options), length, COUNT, seed=length)
        for (read, written), result in zip(pairs, batch.result, strict=True):
            given, asked = parse(read)
            variables = chain(given)
            assert len(variables) == len(given) == length  # a single chain
            assert written == solve(given, asked, options["scratchpad"])
            assert int(result.sum()) == 3  # sign, one, end
            if options["asked"] == "last":
                assert asked == variables[-1]
            if options["order"] == "forward":
                assert list(given) == variables
            if options["order"] == "reversed":
                assert list(given) == variables[::-1]


@pytest.mark.parametrize("options", COMBINATIONS, ids=name)
def test_places_tell_clauses_apart_where_the_order_is_known(options):
    batch, pairs = draw(Lego(**options), 6, 10)
    if options["order"] == "shuffled" or options["asked"] != "last":
        assert batch.places is None
        return
    for (read, written), row in zip(pairs, batch.places.tolist(), strict=True):
        given, asked = parse(read)
        place = {variable: index for index, variable in enumerate(chain(given), 2)}
        expected = []
        for variable in given:
            expected += [place[variable]] * 5
        expected[-1] = place[asked]  # the question mark in the place of the last comma
        expected += [place[asked], 1]
        if options["scratchpad"] == "chain":
            for variable in chain(given):
                expected += [place[variable]] * 5
            expected.pop()
        else:
            expected += [place[asked]] * 2
        assert row == [*expected, 0]
        assert len(row) == len(read) + len(written) + 1


def test_orders_are_uniform():
    _, pairs = draw(Lego(), 3, 1800)
    seen = Counter()
    for read, _ in pairs:
        given, _ = parse(read)
        seen["".join(str(chain(given).index(variable)) for variable in given)] += 1
    counts = [seen["".join(order)] for order in permutations("012")]
    assert sum(counts) == 1800
    assert chisquare(counts).pvalue > UNLIKELY


def test_signs_and_names_are_uniform():
    _, pairs = draw(Lego(alphabet=4), 2, 1200)
    signs, names = Counter(), Counter()
    for read, _ in pairs:
        given, _ = parse(read)
        variables = chain(given)
        signs["".join(given[variable][0] for variable in variables)] += 1
        names["".join(variables)] += 1
    assert chisquare([signs[first + second] for first in "+-" for second in "+-"]).pvalue > UNLIKELY
    assert chisquare([names["".join(pair)] for pair in permutations("abcd", 2)]).pvalue > UNLIKELY
    assert names.total() == sum(names["".join(pair)] for pair in permutations("abcd", 2))


def test_any_variable_is_asked():
    _, pairs = draw(Lego(asked="any"), 8, 1600)
    depths = Counter(chain(given).index(asked) for given, asked in (parse(read) for read, _ in pairs))
    assert chisquare([depths[depth] for depth in range(8)]).pvalue > UNLIKELY


@pytest.mark.parametrize("length", [1, 2, 3, 8, 9])
def test_only_the_later_half_is_asked(length):
    # the released code: range(n // 2, n) for even n, range(n // 2 + 1, n) for odd n; nothing at n = 1
    _, pairs = draw(Lego(asked="later"), length, 1200)
    depths = Counter(chain(given).index(asked) for given, asked in (parse(read) for read, _ in pairs))
    expected = [*range(length // 2 + length % 2, length)] or [0]
    assert sorted(depths) == expected
    if len(expected) > 1:
        assert chisquare([depths[depth] for depth in expected]).pvalue > UNLIKELY


def test_the_stress_set_reverses_the_clauses():
    (hard,) = Lego(scratchpad="chain").stress_sets().values()
    assert hard == Lego(scratchpad="chain", order="reversed")


def test_refusals():
    with pytest.raises(ValueError, match=r"task\.alphabet=0: must be at least 1"):
        Lego(alphabet=0)
    with pytest.raises(ValueError, match=r"length 27: task\.alphabet=26 allows at most 26 variables"):
        draw(Lego(), 27, 1)
