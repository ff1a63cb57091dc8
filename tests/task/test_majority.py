"""Majority by counting, written from the specification."""

from math import comb

import pytest
from scipy.stats import chisquare

from lengen.task.majority import Majority

from .reading import combinations, draw, name

LENGTHS = (1, 2, 3, 10, 41)
COUNT = 80
UNLIKELY = 1e-3


@pytest.mark.parametrize("options", combinations(Majority), ids=name)
def test_answers(options):
    for length in LENGTHS:
        _, pairs = draw(Majority(**options), length, COUNT, seed=length)
        for read, written in pairs:
            bits = read[:-1]
            assert read[-1] == "="
            assert len(bits) == length
            assert set(bits) <= {"0", "1"}
            assert options["ties"] == "zero" or 2 * bits.count("1") != length
            assert written == ["1" if bits.count("1") > bits.count("0") else "0"]


@pytest.mark.parametrize("length", [2, 3, 4, 9, 10])
@pytest.mark.parametrize("bits", ["uniform", "close"])
def test_without_ties_both_answers_are_equally_likely(length, bits):
    _, pairs = draw(Majority(ties="none", bits=bits), length, 3000)
    ones = sum(written == ["1"] for _, written in pairs)
    assert chisquare([ones, 3000 - ones]).pvalue > UNLIKELY


def test_ties_make_zero_likelier_at_even_lengths():
    for length, share in ((2, 3 / 4), (4, 11 / 16), (5, 1 / 2), (20, (1 + comb(20, 10) / 2**20) / 2)):
        _, pairs = draw(Majority(), length, 4000)
        zeros = sum(written == ["0"] for _, written in pairs)
        assert chisquare([zeros, 4000 - zeros], [4000 * share, 4000 * (1 - share)]).pvalue > UNLIKELY


def test_without_ties_strings_are_uniform():
    _, pairs = draw(Majority(ties="none"), 4, 2000)
    values = [int("".join(read[:4]), 2) for read, _ in pairs]
    kept = [value for value in range(16) if value.bit_count() != 2]
    assert chisquare([values.count(value) for value in kept]).pvalue > UNLIKELY


def test_places():
    batch, _ = draw(Majority(), 4, 3)
    assert batch.places.tolist() == [[2, 2, 2, 2, 1, 2, 0]] * 3  # all bits matter to the answer alike


def test_strings_are_uniform():
    _, pairs = draw(Majority(), 3, 1600)
    values = [int("".join(read[:3]), 2) for read, _ in pairs]
    assert chisquare([values.count(value) for value in range(8)]).pvalue > UNLIKELY


@pytest.mark.parametrize("length", [1, 2, 7, 8])
def test_close_strings_are_decided_by_one_bit(length):
    _, pairs = draw(Majority(bits="close"), length, 1600)
    for read, written in pairs:
        other = read[:-1].count("1") + (1 if written == ["0"] else -1)
        assert (2 * other > length) != (written == ["1"])
    answers = [written[0] for _, written in pairs]
    assert chisquare([answers.count(bit) for bit in "01"]).pvalue > UNLIKELY
    share = (length // 2 + 0.5) / length
    for place in {0, length - 1}:
        ones = sum(read[place] == "1" for read, _ in pairs)
        expected = [1600 * share, 1600 * (1 - share)]
        assert chisquare([ones, 1600 - ones], expected).pvalue > UNLIKELY
