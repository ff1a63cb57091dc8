"""Intervals against exact rational arithmetic, scipy's test and the numbers of the protocol; reach against a slow loop."""

import math
import random
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from scipy.stats import binomtest

from lengen.statistics.intervals import THRESHOLDS, clopper_pearson, reach, success_rate, wilson
from lengen.statistics.resampling import bootstrap, interquartile_mean
from lengen.statistics.scores import performance_profile

TAIL = Fraction(25, 1000)


def at_least(correct: int, examples: int, share: Fraction) -> Fraction:
    """Probability of that many successes or more, exactly."""
    return sum(
        (
            math.comb(examples, hits) * share**hits * (1 - share) ** (examples - hits)
            for hits in range(correct, examples + 1)
        ),
        Fraction(0),
    )


def by_bisection(correct: int, examples: int) -> tuple[float, float]:
    """The interval from its definition: the shares at which each tail is 2.5%."""

    def solve(below) -> float:
        low, high = Fraction(0), Fraction(1)
        for _ in range(26):
            middle = Fraction(round((low + high) / 2 * 2**27), 2**27)
            low, high = (middle, high) if below(middle) else (low, middle)
        return float((low + high) / 2)

    lower = solve(lambda share: at_least(correct, examples, share) < TAIL) if correct else 0.0
    upper = (
        solve(lambda share: 1 - at_least(correct + 1, examples, share) > TAIL) if correct < examples else 1.0
    )
    return lower, upper


@pytest.mark.parametrize("examples", [1, 2, 3, 5, 8, 13])
def test_interval_is_the_inverted_binomial(examples):
    for correct in range(examples + 1):
        assert clopper_pearson(correct, examples) == pytest.approx(by_bisection(correct, examples), abs=1e-7)


@pytest.mark.parametrize(
    ("correct", "examples"), [(0, 24), (24, 24), (7, 100), (499, 500), (997, 1000), (31, 4000)]
)
@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.999])
def test_interval_is_that_of_scipys_test(correct, examples, confidence):
    expected = binomtest(correct, examples).proportion_ci(confidence, "exact")
    assert clopper_pearson(correct, examples, confidence) == pytest.approx(
        (expected.low, expected.high), abs=1e-9
    )


@pytest.mark.parametrize(
    ("examples", "low", "digits"),
    [
        (3, 0.29, 2),
        (5, 0.48, 2),
        (10, 0.69, 2),
        (20, 0.83, 2),
        (24, 0.86, 2),
        (100, 0.964, 3),
        (500, 0.9926, 4),
        (1000, 0.996, 3),
    ],
)
def test_all_right_certifies_what_the_protocol_says(examples, low, digits):
    found = clopper_pearson(examples, examples)
    assert round(found[0], digits) == low
    assert found[0] == pytest.approx(0.025 ** (1 / examples))
    assert found[1] == 1


def test_a_thousand_examples_certify_99_percent_with_three_errors_and_not_with_four():
    assert clopper_pearson(997, 1000)[0] >= 0.99
    assert clopper_pearson(996, 1000)[0] < 0.99


def test_interval_holds_the_share_mirrors_and_narrows():
    for examples in (1, 7, 40):
        for correct in range(examples + 1):
            low, high = clopper_pearson(correct, examples)
            assert 0 <= low <= correct / examples <= high <= 1
            assert clopper_pearson(examples - correct, examples) == pytest.approx((1 - high, 1 - low))
            more = clopper_pearson(10 * correct, 10 * examples)
            assert more[1] - more[0] < high - low


def test_interval_covers_at_least_what_it_says():
    examples = 12
    for percent in range(1, 100, 7):
        share = Fraction(percent, 100)
        covered = sum(
            math.comb(examples, hits) * share**hits * (1 - share) ** (examples - hits)
            for hits in range(examples + 1)
            if clopper_pearson(hits, examples)[0] <= share <= clopper_pearson(hits, examples)[1]
        )
        assert covered >= 0.95


@pytest.mark.parametrize(("correct", "examples"), [(-1, 5), (6, 5), (0, 0), (1, 0), (0, -3)])
def test_interval_refuses_what_is_no_count(correct, examples):
    with pytest.raises(ValueError, match=f"{correct} of {examples}: must be"):
        clopper_pearson(correct, examples)


def slow_reach(lengths, bounds, threshold):
    """One length after the other, from the shortest."""
    found = None
    for length, bound in sorted(zip(lengths, bounds, strict=True)):
        if bound < threshold:
            break
        found = length
    return found


def test_reach_is_that_of_a_slow_loop():
    draw = random.Random(0)
    for _ in range(500):
        lengths = draw.sample(range(1, 200), draw.randint(1, 12))
        bounds = [draw.choice([0.2, 0.9, 0.95, 0.97, 0.99, 1.0]) for _ in lengths]
        for threshold in THRESHOLDS:
            assert reach(lengths, bounds, threshold) == slow_reach(lengths, bounds, threshold)


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ([0.99, 0.99, 0.99], 40),
        ([0.99, 0.90, 0.99], 40),
        ([0.99, 0.8999, 0.99], 10),
        ([0.5, 0.99, 0.99], None),
    ],
)
def test_reach_is_contiguous_and_holds_at_the_threshold_itself(bounds, expected):
    assert reach([10, 20, 40], bounds, 0.90) == expected


def test_reach_is_no_better_for_a_gap_or_for_nan():
    assert reach([10, 20, 40], [0.99, math.nan, 0.99], 0.90) == 10
    assert reach([], [], 0.90) is None
    assert type(reach([10], [1.0], 0.90)) is int


@pytest.mark.parametrize("examples", [1, 4, 10, 50])
def test_wilson_bounds_solve_the_score_equation(examples):
    z = 1.959963984540054
    for correct in range(examples + 1):
        share = correct / examples
        for bound in wilson(correct, examples):
            if 0 < bound < 1:
                assert (share - bound) ** 2 == pytest.approx(z**2 * bound * (1 - bound) / examples, rel=1e-6)
        low, high = wilson(correct, examples)
        assert low <= share <= high


@pytest.mark.parametrize(
    ("successes", "tried", "low", "high"),
    [(3, 3, 0.29, 1), (5, 5, 0.48, 1), (10, 10, 0.69, 1), (20, 20, 0.83, 1), (0, 3, 0, 0.71)],
)
def test_success_rate_has_the_intervals_of_the_protocol(successes, tried, low, high):
    scores = [0.95] * successes + [0.2] * (tried - successes - 1) + [math.nan] * (successes < tried)
    rate = success_rate(scores, 0.9)
    assert (rate.successes, rate.tried) == (successes, tried)
    assert rate.share == successes / tried
    assert (round(rate.low, 2), round(rate.high, 2)) == (low, high)


def test_success_at_the_threshold_counts():
    assert success_rate([0.9, 0.8999], 0.9).successes == 1


@pytest.mark.parametrize("count", [1, 3, 4, 5, 8, 11])
def test_interquartile_mean_drops_a_quarter_at_each_end(count):
    scores = [random.Random(count + index).random() for index in range(count)]
    cut = count // 4
    middle = sorted(scores)[cut : count - cut]
    assert interquartile_mean(scores) == pytest.approx(sum(middle) / len(middle))


def test_bootstrap_interval_is_that_of_every_resample():
    seeds = [0.1, 0.4, 0.9]
    every = [sum(draw) / 3 for draw in product(seeds, repeat=3)]  # all 27, equally likely
    low, high = bootstrap([seeds], lambda arrays: arrays[0].mean(1), resamples=20000)
    assert low == pytest.approx(np.percentile(every, 2.5, method="inverted_cdf"), abs=1e-9)
    assert high == pytest.approx(np.percentile(every, 97.5, method="inverted_cdf"), abs=1e-9)


def test_bootstrap_draws_whole_seeds_and_each_stratum_apart():
    seen = []

    def statistic(arrays):
        seen.append(arrays)
        return arrays[0].mean((1, 2))

    bootstrap([[[1, 10], [2, 20], [3, 30]], [[7, 7], [8, 8]]], statistic, resamples=500)
    first, second = seen[0]
    assert first.shape == (500, 3, 2)
    assert second.shape == (500, 2, 2)
    assert (first[:, :, 1] == 10 * first[:, :, 0]).all()
    assert set(second.ravel()) == {7.0, 8.0}
    assert len({tuple(row) for row in first[:, :, 0]}) == 27  # every draw of three seeds occurs


def test_performance_profile_counts():
    scores, marks = [0.0, 0.5, 1.0, 2.0, 2.0], [0.0, 0.5, 0.75, 2.0, 3.0]
    counted = [sum(score >= mark for score in scores) / len(scores) for mark in marks]
    assert performance_profile(scores, marks) == counted
