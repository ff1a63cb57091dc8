"""Counting from a number to another by Python's own range."""

import pytest
from scipy.stats import chisquare

from lengen.task.count_up import CountUp

from .reading import draw

UNLIKELY = 1e-3


@pytest.mark.parametrize("numbers", [41, 155])
def test_answers(numbers):
    for length in (1, 2, 3, 10, 41):
        batch, pairs = draw(CountUp(numbers=numbers), length, 60, seed=length)
        assert batch.places is None
        for read, written in pairs:
            start, end, arrow = read
            assert arrow == ">"
            assert written == [str(number) for number in range(int(start), int(end) + 1)]
            assert len(written) == length
            assert int(end) < numbers


def test_starts_are_uniform():
    _, pairs = draw(CountUp(numbers=12), 5, 1600)
    starts = [int(read[0]) for read, _ in pairs]
    assert chisquare([starts.count(start) for start in range(8)]).pvalue > UNLIKELY


def test_refusals():
    with pytest.raises(ValueError, match=r"task\.numbers=0: must be at least 1"):
        CountUp(numbers=0)
    with pytest.raises(ValueError, match=r"length 101: task\.numbers=100 allows at most 100 numbers"):
        draw(CountUp(), 101, 1)
