"""The axis of lengths: when it is logarithmic, and which lengths are labelled."""

import math
import random
from itertools import combinations

import pytest

from lengen.report.scale import logarithmic, ticks


@pytest.mark.parametrize(
    ("lengths", "log"), [((5, 39), False), ((5, 40), True), ((1, 7), False), ((1, 8), True), ((20,), False)]
)
def test_logarithmic_from_eight_times_the_shortest(lengths, log):
    assert logarithmic(lengths) is log


def overlaps(chosen, place, character):
    """Pairs of labels of one row that come closer than a character, by a slow count."""
    return [
        (one, other)
        for one, other in combinations(chosen, 2)
        if chosen[one] == chosen[other]
        and abs(place(one) - place(other)) / character < (len(str(one)) + len(str(other))) / 2 + 1
    ]


def test_labels_keep_clear_and_the_train_length_and_the_ends_come_first():
    whole = range(1, 161)
    for place in (float, math.log2):
        span = place(160) - place(1)
        for width in (20, 40, 80, 200):
            chosen = ticks(whole, 10, place, span / width)
            assert not overlaps(chosen, place, span / width)
            assert {1, 10, 160} <= set(chosen)
    assert {1, 10, 20, 40, 80, 160} <= set(ticks(whole, 10, math.log2, math.log2(160) / 60))


def test_the_train_length_and_the_ends_are_always_labelled():
    generator = random.Random(0)
    for _ in range(500):
        lengths = sorted(generator.sample(range(1, 2000), generator.randint(1, 30)))
        train, place = (
            generator.choice([generator.randint(1, 2000), *lengths]),
            generator.choice((float, math.log2)),
        )
        span = max(place(max(*lengths, train)) - place(min(*lengths, train)), 1e-9)
        character, continuous = span / generator.randint(4, 200), generator.random() < 0.5
        chosen = ticks(lengths, train, place, character, continuous=continuous)
        wanted = {lengths[0], lengths[-1]} | ({train} if continuous or train in lengths else set())
        assert wanted <= set(chosen)
        assert not overlaps(chosen, place, character)
        assert {length for length, row in chosen.items() if row} <= wanted  # only these leave the first row
        assert list(chosen) == sorted(chosen)


def test_a_label_that_would_overlap_stands_a_row_lower():
    assert ticks([28, 30, 480], 30, math.log2, 0.1) == {28: 1, 30: 0, 480: 0}
    assert ticks([29, 30, 31], 30, float, 10.0) == {29: 2, 30: 0, 31: 1}


def test_a_train_length_that_was_not_examined_is_a_label_where_it_has_a_place():
    assert list(ticks([20, 30], 10, float, 0.1)) == [20, 30]
    assert list(ticks([20, 30], 10, float, 0.1, continuous=True)) == [10, 20, 30]


def test_factors_are_labelled_in_their_own_width():
    lengths, place = [15, 30, 45, 60], lambda length: length / 30
    assert list(ticks(lengths, 30, place, 0.1, unit=30)) == lengths
    assert ticks(lengths, 30, place, 0.2, unit=30) == {15: 1, 30: 0, 60: 0}
