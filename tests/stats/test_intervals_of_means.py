"""Gaffke's interval against Clopper and Pearson, against draws from the simplex, and by its coverage; the strings' share."""

import numpy as np
import pytest

from lengen.statistics.interquartile import interquartile_interval
from lengen.statistics.intervals import clopper_pearson
from lengen.statistics.seed_kinds import KINDS
from lengen.statistics.simplex import lower_bound, mean_interval, weighted_mean_cdf
from lengen.statistics.strings import standard_error


@pytest.mark.parametrize("seeds", [3, 5, 10, 23])
@pytest.mark.parametrize("confidence", [0.9, 0.95])
def test_on_0_and_1_it_is_clopper_and_pearson(seeds, confidence):
    for right in range(seeds + 1):
        scores = [1.0] * right + [0.0] * (seeds - right)
        expected = clopper_pearson(right, seeds, confidence)
        assert mean_interval(scores, confidence)[1:3] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    "values", [[0, 0.2, 0.4, 0.9], [0, 0.5, 0.5, 0.5, 1], [0, 1e-9, 0.3, 1], [0, 0.1, 0.1, 0.8, 0.8, 1]]
)
def test_the_race_is_the_share_of_draws_from_the_simplex(values):
    drawn = np.random.default_rng(0).dirichlet(np.ones(len(values)), 200_000) @ values
    for at in (0.05, 0.2, 0.35, 0.5, 0.7):
        assert weighted_mean_cdf(values, at) == pytest.approx((drawn <= at).mean(), abs=0.004)


def test_the_race_at_its_ends():
    assert weighted_mean_cdf([0.2, 0.2], 0.2) == 1
    assert weighted_mean_cdf([0.2, 0.4], 0.1) == 0
    assert weighted_mean_cdf([0.2, 0.4], 0.4) == 1


def coverage(interval, seeds: int, draws: int) -> tuple[dict[str, float], float]:
    """Share of intervals that hold the mean, by kind of seeds; and the mean width over all kinds."""
    generator = np.random.default_rng(seeds)
    shares, widths = {}, []
    for name, kind in KINDS.items():
        found = [interval(scores) for scores in kind.draw(generator, (draws, seeds))]
        shares[name] = float(np.mean([low <= kind.mean <= high for _, low, high, _ in found]))
        widths += [high - low for _, low, high, _ in found]
    return shares, float(np.mean(widths))


@pytest.mark.parametrize(("seeds", "width"), [(3, 0.77), (5, 0.63), (10, 0.45)])
def test_it_covers_and_is_no_wider_than_it_was_measured(seeds, width):
    shares, mean_width = coverage(mean_interval, seeds, 400)
    assert min(shares.values()) >= 0.93, shares
    assert mean_width <= 1.1 * width


def test_five_alike_seeds_are_not_certain():
    """The interval that covers is wide: nothing excludes that a third of the seeds fail."""
    low, high = mean_interval([0.95] * 5)[1:3]
    assert low == pytest.approx(0.95 * 0.025 ** (1 / 5))
    assert high > 0.95


def test_it_holds_the_mean_mirrors_and_grows_with_confidence():
    generator = np.random.default_rng(3)
    for _ in range(50):
        scores = generator.beta(0.5, 0.5, int(generator.integers(3, 12)))
        mean, low, high, note = mean_interval(scores)
        assert 0 <= low <= mean <= high <= 1
        assert not note
        assert mean_interval(1 - scores)[1:3] == pytest.approx((1 - high, 1 - low))
        assert mean_interval(scores, 0.99)[1] < low


def test_too_few_seeds_have_none():
    assert mean_interval([0.5, 0.7]).low is None
    assert mean_interval([0.5, 0.7]).note == "2 seeds: no interval below 3"
    assert interquartile_interval([0.5] * 4).note == "4 seeds: no interval below 5"
    with pytest.raises(ValueError, match="at least one seed"):
        mean_interval([])


def test_scores_outside_the_unit_interval_are_refused():
    with pytest.raises(ValueError, match="must be in"):
        mean_interval([0.5, 1.5, 0.2])


def test_all_zero_has_a_lower_bound_of_zero():
    assert lower_bound([0.0, 0.0, 0.0]) == 0


def test_strings_widen_in_quadrature():
    scores = [0.4, 0.5, 0.6, 0.55]
    plain, wide = mean_interval(scores), mean_interval(scores, string_error=0.1)
    extra = 1.959964 * 0.1
    assert plain.value - wide.low == pytest.approx(np.hypot(plain.value - plain.low, extra))
    assert wide.high - plain.value == pytest.approx(np.hypot(plain.high - plain.value, extra))
    assert mean_interval(scores, string_error=1.0)[1:3] == (0.0, 1.0)


def test_the_strings_error_is_that_of_a_weighted_mean():
    generator = np.random.default_rng(0)
    weights, strings = [0.0, 0.25, 0.75], 400
    shares = generator.beta(2, 2, (2000, 3, strings))
    means = shares.mean(axis=2) @ weights
    assert standard_error(list(shares[0]), weights) == pytest.approx(means.std(), rel=0.1)
    with pytest.raises(ValueError, match="two strings"):
        standard_error([[0.5]], [1.0])


@pytest.mark.parametrize("seeds", [5, 10])
def test_the_interval_of_the_interquartile_mean_covers(seeds):
    generator = np.random.default_rng(1)
    for name, kind in KINDS.items():
        truth = interquartile_of(kind.draw(generator, (200_000,)))
        found = [interquartile_interval(scores) for scores in kind.draw(generator, (100, seeds))]
        assert np.mean([low <= truth <= high for _, low, high, _ in found]) >= 0.93, name


def interquartile_of(values) -> float:
    """Mean of the middle half, by sorting."""
    ordered = np.sort(values)
    return float(ordered[len(ordered) // 4 : -(len(ordered) // 4)].mean())


def test_the_interquartile_mean_is_that_of_rliable():
    """`scipy.stats.trim_mean(x, proportiontocut=0.25, axis=None)`, as rliable 1.2 has it."""
    scores = np.random.default_rng(0).random((7, 3))
    ordered = np.sort(scores.ravel())
    assert interquartile_interval(scores).value == pytest.approx(ordered[5:-5].mean())
