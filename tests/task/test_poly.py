"""Polynomials by Python's own arithmetic, written from the specification on text alone."""

import re

import pytest
from scipy.stats import chisquare

from lengen.task.poly import Poly

from .reading import combinations, draw, name

LENGTHS = (1, 2, 3, 10, 41)
COMBINATIONS = combinations(Poly, coefficient=(3, 9), power=(3, 9), point=(2, 9))
COUNT = 60
UNLIKELY = 1e-3


def parse(read):
    """The point and the terms of a prompt, as (coefficient, power)."""
    whole = re.fullmatch(r"x=([+-]\d):((?:[+-]\dx\d)+)=", "".join(read))
    assert whole
    terms = re.findall(r"([+-]\d)x(\d)", whole[2])
    return int(whole[1]), [(int(coefficient), int(power)) for coefficient, power in terms]


@pytest.mark.parametrize("options", COMBINATIONS, ids=name)
def test_answers(options):
    for length in LENGTHS:
        batch, pairs = draw(Poly(**options), length, COUNT, seed=length)
        for read, written in pairs:
            point, terms = parse(read)
            assert len(terms) == length
            assert abs(point) <= options["point"]
            assert "-0" not in "".join(read)
            assert all(abs(coefficient) <= options["coefficient"] for coefficient, _ in terms)
            assert all(power <= options["power"] for _, power in terms)
            values = [coefficient * point**power for coefficient, power in terms]
            if options["scratchpad"] == "none":
                expected = [sum(values)]
            else:
                expected = [
                    number for end, value in enumerate(values) for number in (value, sum(values[: end + 1]))
                ]
            assert written == [str(number % 10) for number in expected]
        assert (batch.result.sum(1) == 2).all()  # the last digit and the end token


def test_a_term_and_what_is_written_of_it_share_a_place():
    assert draw(Poly(), 4, 2)[0].places is None
    batch, pairs = draw(Poly(scratchpad="terms"), 4, 3)
    for (read, _), row in zip(pairs, batch.places.tolist(), strict=True):
        index = [2, 3, 4, 5]
        terms = [place for place in index for _ in range(4)]
        assert row[: len(read)] == [0] * 5 + terms + [1]
        assert row[len(read) :] == [place for place in index for _ in range(2)] + [0]


def test_draws_are_uniform():
    _, pairs = draw(Poly(), 4, 1000)
    points, terms = zip(*(parse(read) for read, _ in pairs), strict=True)
    coefficients, powers = zip(*(term for row in terms for term in row), strict=True)
    for drawn, values in ((points, range(-2, 3)), (coefficients, range(-3, 4)), (powers, range(4))):
        assert chisquare([drawn.count(value) for value in values]).pvalue > UNLIKELY


@pytest.mark.parametrize(
    ("options", "allowed"),
    [
        ({"coefficient": 0}, "1 to 9"),
        ({"power": -1}, "0 to 9"),
        ({"power": 10}, "0 to 9"),
        ({"point": 10}, "1 to 9"),
    ],
)
def test_refusals(options, allowed):
    [(option, value)] = options.items()
    with pytest.raises(ValueError, match=rf"task\.{option}={value}: must be from {allowed}"):
        Poly(**options)
