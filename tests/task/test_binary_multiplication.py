"""Binary multiplication against integers of Python, written from the specification on text alone."""

import pytest
from scipy.stats import chisquare

from lengen.task.binary_multiplication import BinaryMultiplication

from .reading import combinations, draw, name, operands

COMBINATIONS = combinations(BinaryMultiplication)
COUNT = 60
UNLIKELY = 1e-3


@pytest.mark.parametrize("options", COMBINATIONS, ids=name)
def test_answers(options):
    for length in (1, 2, 3, 10, 41, 100):
        batch, pairs = draw(BinaryMultiplication(**options), length, COUNT, seed=length)
        for (read, written), row in zip(pairs, batch.places.tolist(), strict=True):
            first, second = operands(read, "*")
            assert "1" in first
            assert "1" in second
            assert max(len(first), len(second)) == length
            assert options["operands"] != "equal" or len(first) == len(second)
            product = int(first[::-1], 2) * int(second[::-1], 2)
            assert "".join(written) == f"{product:b}"[::-1]
            # bits of one significance share a place
            expected = [place for bits in (first, second) for place in [*range(2, len(bits) + 2), 1]]
            expected += [*range(2, len(written) + 2), 0]
            assert row == expected + [0] * (len(row) - len(expected))
            if options["bits"] == "ones":
                assert (first + second).count("0") <= 1


def test_pairs_are_uniform():
    _, pairs = draw(BinaryMultiplication(), 2, 1600)
    values = [int("".join(operands(read, "*")), 2) for read, _ in pairs]
    pairs = [value for value in range(16) if value >> 2 and value & 3]
    assert len(pairs) == 9  # DeepMind's code draws from 1 to 2**n - 1
    assert chisquare([values.count(value) for value in pairs]).pvalue > UNLIKELY


def test_the_zero_among_ones_comes_half_of_the_time_and_anywhere():
    _, pairs = draw(BinaryMultiplication(bits="ones"), 4, 2000)
    places = ["".join(operands(read, "*")).find("0") for read, _ in pairs]
    assert chisquare([places.count(-1), 2000 - places.count(-1)]).pvalue > UNLIKELY
    assert chisquare([places.count(place) for place in range(8)]).pvalue > UNLIKELY


def test_stress_sets():
    assert BinaryMultiplication().stress_sets() == {
        "ones": BinaryMultiplication(bits="ones"),
        "uneven": BinaryMultiplication(operands="uneven"),
    }
