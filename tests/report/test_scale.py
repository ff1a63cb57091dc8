"""The axis of lengths: when it is logarithmic, and which lengths are labelled."""

import math

import pytest

from lengen.report.scale import logarithmic, ticks


@pytest.mark.parametrize(
    ("lengths", "log"), [((5, 39), False), ((5, 40), True), ((1, 7), False), ((1, 8), True), ((20,), False)]
)
def test_logarithmic_from_eight_times_the_shortest(lengths, log):
    assert logarithmic(lengths) is log


def test_labels_keep_clear_and_the_train_length_and_the_ends_come_first():
    whole = range(1, 161)
    for place in (float, math.log2):
        span = place(160) - place(1)
        for width in (20, 40, 80, 200):
            chosen = ticks(whole, 10, place, span / width)
            columns = [(place(length) - place(1)) / span * width for length in chosen]
            for (one, left), (other, right) in zip(
                zip(chosen, columns, strict=True), list(zip(chosen, columns, strict=True))[1:], strict=False
            ):
                assert right - left >= (len(str(one)) + len(str(other))) / 2 + 1
            assert {10, 160} <= set(chosen)
    assert {1, 10, 20, 40, 80, 160} <= set(ticks(whole, 10, math.log2, math.log2(160) / 60))


def test_a_train_length_that_was_not_examined_is_no_label():
    assert ticks([20, 30], 10, float, 0.1) == [20, 30]


def test_factors_are_labelled_in_their_own_width():
    lengths, place = [15, 30, 45, 60], lambda length: length / 30
    assert ticks(lengths, 30, place, 0.1, unit=30) == lengths
    assert ticks(lengths, 30, place, 0.2, unit=30) == [30, 60]
