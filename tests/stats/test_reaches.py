"""Median reach and its interval by simulation and by the binomial; the profile of censored sweeps."""

import numpy as np
import pytest
from scipy.stats import binom

from lengen.statistics.reaches import bound_rank, median_interval, median_reach, reach_profile


@pytest.mark.parametrize("seeds", [5, 6, 8, 10, 20, 33])
def test_the_rank_is_the_largest_that_covers(seeds):
    rank = bound_rank(seeds)
    tail = binom.cdf(rank - 1, seeds, 0.5)
    assert tail <= 0.025 or seeds == 5
    assert binom.cdf(rank, seeds, 0.5) > 0.025
    assert bound_rank(5) == 1
    assert 1 - 2 * binom.cdf(0, 5, 0.5) == 0.9375


@pytest.mark.parametrize("seeds", [5, 6, 8, 10, 20])
def test_the_interval_of_the_median_reach_covers(seeds):
    """True reaches between lengths of the sweep, and beyond its end."""
    generator = np.random.default_rng(seeds)
    lengths = [10, 12, 15, 20, 25, 30, 40, 60, 80]
    for center in (14.0, 33.0, 75.0, 150.0):
        true = center * np.exp(generator.normal(0, 0.5, (300, seeds)))
        held = 0
        for row in true:
            reaches = [max((length for length in lengths if length <= value), default=0) for value in row]
            found = median_reach(reaches, lengths)
            held += found.low <= center and (found.beyond or center < found.high)
        assert held / 300 >= 0.93, center


def test_censored_reaches():
    found = median_reach([40, 40, 40, 20, 10, 40], [10, 20, 40])
    assert (found.median, found.at_least, found.low, found.high, found.beyond) == (40, True, 10, None, True)
    found = median_reach([10, 10, 0, 20, 10], [10, 20, 40])
    assert (found.median, found.at_least, found.low, found.high, found.beyond) == (10, False, 0, 40, False)
    half = median_reach([20, 40], [10, 20, 40])
    assert (half.median, half.at_least, half.note) == (30, True, "2 seeds: no interval below 5")


@pytest.mark.parametrize("reaches", [[], [15]])
def test_what_is_no_reach_is_refused(reaches):
    with pytest.raises(ValueError, match="lengths of the sweep"):
        median_reach(reaches, [10, 20])


def test_the_profile_ends_where_the_shortest_sweep_does():
    """Censored at 4x is not failed at 8x."""
    profile = reach_profile([4, 4, 8, 1], [4, 4, 16, 16], [1, 2, 4, 8])
    assert [rate and rate.successes for rate in profile] == [4, 3, 3, None]
    assert profile[0].low == pytest.approx(0.025 ** (1 / 4))


def test_the_profile_is_rliables():
    """Share of scores >= tau: `np.mean(scores > tau)` in rliable, here with the value itself included."""
    scores = np.random.default_rng(0).random(50)
    taus = [0.1, 0.5, 0.9]
    profile = reach_profile(scores.tolist(), [1.0] * 50, taus)
    assert [rate.share for rate in profile] == pytest.approx([np.mean(scores > tau) for tau in taus])


def test_the_median_of_few_seeds_has_no_interval():
    assert median_interval([1.0, 2.0]).low is None
    assert median_interval(np.arange(20.0))[:3] == (9.5, 5.0, 14.0)
