"""Binary addition against integers of Python, written from the specification on text alone."""

from collections import Counter

import pytest
from scipy.stats import chisquare

from lengen.task.binary_addition import BinaryAddition

from .reading import combinations, draw, name, operands

COMBINATIONS = combinations(BinaryAddition)
COUNT = 60
UNLIKELY = 1e-3


@pytest.mark.parametrize("options", COMBINATIONS, ids=name)
def test_answers(options):
    for length in (1, 2, 3, 10, 41, 100):
        batch, pairs = draw(BinaryAddition(**options), length, COUNT, seed=length)
        for (read, written), row in zip(pairs, batch.places.tolist(), strict=True):
            first, second = operands(read, "+")
            assert "1" in first
            assert "1" in second
            assert max(len(first), len(second)) == length
            assert options["operands"] != "equal" or len(first) == len(second)
            total = int(first[::-1], 2) + int(second[::-1], 2)
            assert "".join(written) == f"{total:b}"[::-1]
            # bits of one significance share a place
            expected = [place for bits in (first, second) for place in [*range(2, len(bits) + 2), 1]]
            expected += [*range(2, len(written) + 2), 0]
            assert row == expected + [0] * (len(row) - len(expected))


def test_pairs_are_uniform():
    _, pairs = draw(BinaryAddition(), 2, 1600)
    values = [int("".join(operands(read, "+")), 2) for read, _ in pairs]
    pairs = [value for value in range(16) if value >> 2 and value & 3]
    assert len(pairs) == 9  # DeepMind's code draws from 1 to 2**n - 1
    assert chisquare([values.count(value) for value in pairs]).pvalue > UNLIKELY


@pytest.mark.parametrize("kind", ["equal", "uneven", "pairs"])
def test_full_carries_run_through_every_column(kind):
    for length in (1, 2, 7):
        _, pairs = draw(BinaryAddition(operands=kind, carry="full"), length, 200)
        for read, _ in pairs:
            first, second = operands(read, "+")
            columns = [
                int(first[index : index + 1] or 0) + int(second[index : index + 1] or 0)
                for index in range(length)
            ]
            assert columns == [2] + [1] * (length - 1)
    assert len({tuple(read) for read, _ in pairs}) > 50


def test_shorter_operand_has_a_uniform_size():
    _, pairs = draw(BinaryAddition(operands="uneven"), 5, 2000)
    sizes = [[len(number) for number in operands(read, "+")] for read, _ in pairs]
    assert chisquare([sum(min(pair) == size for pair in sizes) for size in range(1, 6)]).pvalue > UNLIKELY
    swapped = [sum(a < b for a, b in sizes), sum(a > b for a, b in sizes)]
    assert chisquare(swapped).pvalue > UNLIKELY


def test_all_pairs_of_sizes_are_equally_likely():
    for task, count in ((BinaryAddition(operands="pairs"), 9), (BinaryAddition(operands="uneven"), None)):
        _, pairs = draw(task, 5, 3600)
        sizes = Counter(tuple(len(number) for number in operands(read, "+")) for read, _ in pairs)
        assert len(sizes) == 9
        if count:
            assert chisquare(list(sizes.values())).pvalue > UNLIKELY
        else:  # both have n bits with probability 1/n
            assert chisquare([sizes[5, 5], 3600 - sizes[5, 5]], [720, 2880]).pvalue > UNLIKELY


def test_uneven_operands_are_uniform_from_one():
    _, pairs = draw(BinaryAddition(operands="uneven"), 3, 3000)
    found = [operands(read, "+") for read, _ in pairs]
    short = Counter(first for first, _ in found if len(first) == 2)
    assert set(short) == {"01", "10", "11"}
    assert chisquare(list(short.values())).pvalue > UNLIKELY


def test_stress_sets():
    assert BinaryAddition(operands="uneven").stress_sets() == {
        "carry": BinaryAddition(operands="uneven", carry="full"),
        "uneven": BinaryAddition(operands="uneven"),
    }
