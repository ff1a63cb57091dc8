"""How scores are written: cut by an exact decimal rule, in every place alike."""

import math
import random
from decimal import ROUND_DOWN, Decimal
from fractions import Fraction

import pytest

from lengen.statistics.formats import floored, percent, reach_text, short, truncated

RANDOM = random.Random(0)
COUNTS = [(count, total) for total in (1, 3, 7, 1000, 2_000_000) for count in (0, 1, total - 1, total)]
COUNTS += [(RANDOM.randint(0, total), total) for total in RANDOM.choices(range(1, 2_000_000), k=500)]
COUNTS += [(count, total) for total in (100, 1000, 10_000) for count in range(0, total + 1, total // 100)]
"""Right answers and answers: few, many, and shares that end where the digits end."""


def exact(share: Fraction, digits: int) -> str:
    """The rule in exact arithmetic."""
    scaled = math.floor(share * 10**digits)
    if share and not scaled:
        return "<" + str(Decimal(1).scaleb(-digits))
    return str((Decimal(scaled) / 10**digits).quantize(Decimal(1).scaleb(-digits)))


@pytest.mark.parametrize("digits", [2, 3, 4])
def test_a_share_of_counts_is_cut_as_in_exact_arithmetic(digits):
    for correct, total in COUNTS:
        assert floored(correct / total, digits) == exact(Fraction(correct, total), digits)


def test_only_all_reads_as_one_and_only_none_as_zero():
    for correct, total in COUNTS:
        share = correct / total
        texts = (floored(share), short(share), percent(share))
        assert [one == text for one, text in zip(("1.000", "1", "100%"), texts, strict=True)] == [
            share == 1
        ] * 3
        assert [nil == text for nil, text in zip(("0.000", "0", "0%"), texts, strict=True)] == [
            share == 0
        ] * 3


def test_what_the_page_keeps_of_a_share_is_written_as_the_share():
    for correct, total in COUNTS:
        share = correct / total
        assert floored(truncated(share, 5)) == floored(share)
        assert short(truncated(share, 5)) == short(share)


def test_numbers_are_cut_to_significant_digits():
    for value in [10 ** RANDOM.uniform(-6, 9) for _ in range(500)] + [10.0**power for power in range(-6, 9)]:
        number = Decimal(repr(value))
        unit = Decimal(1).scaleb(number.adjusted() - 4)
        assert truncated(value, 5) == float((number / unit).quantize(Decimal(1), ROUND_DOWN) * unit)
        assert truncated(-value, 5) == -truncated(value, 5)


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.1 + 0.2, "0.300"), (0.7 + 0.1, "0.800"), (0.29, "0.290"), (1.99961, "1.999"), (math.nan, "nan")],
)
def test_sums_of_binary_fractions_areas_and_what_is_no_number(share, text):
    assert floored(share) == text


def test_reaches_are_none_a_length_or_at_least_the_last():
    assert [reach_text(each) for each in (None, 0, 40, 52.5)] == ["none", "none", "40", "52.5"]
    assert reach_text(480, at_least=True) == ">= 480"
    assert reach_text(None, measurable=False) == "not measurable"
