"""Integer square roots against math.isqrt."""

from math import isqrt

import pytest
import torch
from scipy.stats import chisquare

from lengen.task.square_root import SquareRoot, square_root

from .reading import combinations, draw, name

COUNT = 60
UNLIKELY = 1e-3


@pytest.mark.parametrize("options", combinations(SquareRoot), ids=name)
def test_answers(options):
    for length in (1, 2, 3, 10, 41, 130):
        batch, pairs = draw(SquareRoot(**options), length, COUNT, seed=length)
        half = (length + 1) // 2
        for read, written in pairs:
            text = "".join(read)
            assert text.endswith("=")
            assert len(text) == length + 1
            number, root = int(text[:-1], 2), "".join(written)
            assert len(root) == half
            assert int(root, 2) == isqrt(number)
            assert number > 0  # as in DeepMind's code
            if options["numbers"] == "squares":
                assert isqrt(number) ** 2 == number or isqrt(number + 1) ** 2 == number + 1
        # a bit of the root shares a place with the two bits of the number that it settles
        bits = [place for place in range(half + 1, 1, -1) for _ in range(2)][-length:]
        expected = [*bits, half + 2, *range(half + 1, 1, -1), 0]
        assert batch.places.tolist() == [expected] * COUNT


def test_every_small_number():
    numbers = torch.arange(1024)
    for width in (10, 11):
        bits = numbers.unsqueeze(1) >> torch.arange(width) & 1
        roots = (square_root(bits) << torch.arange((width + 1) // 2)).sum(1)
        assert roots.tolist() == [isqrt(number) for number in range(1024)]


def test_numbers_are_uniform():
    _, pairs = draw(SquareRoot(), 3, 1600)
    values = [int("".join(read[:3]), 2) for read, _ in pairs]
    assert chisquare([values.count(value) for value in range(1, 8)]).pvalue > UNLIKELY


def test_squares_and_the_numbers_below_come_alike():
    _, pairs = draw(SquareRoot(numbers="squares"), 20, 2000)
    values = [int("".join(read[:-1]), 2) for read, _ in pairs]
    squares = sum(isqrt(value) ** 2 == value for value in values)
    assert chisquare([squares, 2000 - squares]).pvalue > UNLIKELY


def test_stress_sets():
    assert SquareRoot().stress_sets() == {"squares": SquareRoot(numbers="squares")}
