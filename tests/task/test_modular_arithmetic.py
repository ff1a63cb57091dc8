"""Expressions against Python's own arithmetic; their grammar, written from the specification."""

import re

import pytest
from scipy.stats import chisquare

from lengen.task.modular_arithmetic import ModularArithmetic

from .reading import combinations, draw, name

LENGTHS = (1, 2, 3, 4, 5, 6, 10, 41)
COMBINATIONS = combinations(ModularArithmetic, modulus=(2, 5, 10))
COUNT = 80
UNLIKELY = 1e-3


def text(read):
    assert read[-1] == "="
    return "".join(read[:-1])


def reduced(expression):
    """What is left of an expression with brackets when all that are whole have become X, again and again."""
    single = re.compile(r"\((-?\d|(?:-?\d|X)[+*-](?:-?\d|X))\)")
    while (shorter := single.sub("X", expression)) != expression:
        expression = shorter
    return expression


@pytest.mark.parametrize("options", COMBINATIONS, ids=name)
def test_answers(options):
    for length in LENGTHS:
        batch, pairs = draw(ModularArithmetic(**options), length, COUNT, seed=length)
        assert batch.places is None
        for read, written in pairs:
            expression = text(read)
            assert len(expression) == length
            assert all(int(digit) < options["modulus"] for digit in re.findall(r"\d", expression))
            assert written == [str(eval(expression) % options["modulus"])]
            if options["brackets"]:
                assert reduced(expression) == "X" if length > 2 else re.fullmatch(r"-?\d", expression)
            else:
                assert re.fullmatch(r"-?\d([+*-]\d)*", expression)


def test_digits_and_signs_are_uniform():
    for brackets in (False, True):
        _, pairs = draw(ModularArithmetic(brackets=brackets), 5, 1500)
        expressions = [text(read) for read, _ in pairs]
        first, sign, last = (1, 2, 3) if brackets else (0, 1, 4)
        for place, symbols in ((first, "01234"), (sign, "+-*"), (last, "01234")):
            drawn = [expression[place] for expression in expressions]
            assert chisquare([drawn.count(symbol) for symbol in symbols]).pvalue > UNLIKELY


def test_shares_of_left_and_right_are_uniform():
    _, pairs = draw(ModularArithmetic(brackets=True), 8, 1500)
    shapes = [re.sub(r"\d", "d", re.sub(r"(?<=[\d)])[+*-]", "~", text(read))) for read, _ in pairs]
    expected = ["(d~(-d))", "(-d~(d))", "((d)~-d)", "((-d)~d)"]
    assert chisquare([shapes.count(shape) for shape in expected]).pvalue > UNLIKELY
    assert set(shapes) == set(expected)


@pytest.mark.parametrize("modulus", [1, 11])
def test_refusals(modulus):
    with pytest.raises(ValueError, match=rf"task\.modulus={modulus}: must be from 2 to 10"):
        ModularArithmetic(modulus=modulus)


def test_stresses():
    assert ModularArithmetic().stress_sets() == {}
    (hard,) = ModularArithmetic(brackets=True).stress_sets().values()
    for length, deepest in ((9, 2), (24, 6), (49, 12)):
        for read, _ in draw(hard, length, 50)[1]:
            depth = [read[:place].count("(") - read[:place].count(")") for place in range(length)]
            assert max(depth) == deepest
            assert "((" not in "".join(read)
