"""Differences, permutation and Boschloo tests, and paired strings, against scipy and by simulation."""

from itertools import combinations

import numpy as np
import pytest
from scipy.stats import boschloo_exact, ttest_1samp
from scipy.stats import permutation_test as scipy_test

from lengen.statistics.counts import boschloo, boschloo_table, least_boschloo
from lengen.statistics.differences import beats, mean_difference
from lengen.statistics.interquartile import interquartile_interval
from lengen.statistics.permutation import assignments, least_p_value, permutation_test
from lengen.statistics.power import permutation_p_values
from lengen.statistics.seed_kinds import KIND_PAIRS, KINDS, two_modes
from lengen.statistics.simplex import mean_interval, simplex_weights
from lengen.statistics.strings import differences, paired_test, standard_error


@pytest.mark.parametrize(("seeds", "width"), [(3, 1.20), (5, 0.95), (10, 0.66)])
def test_the_interval_of_a_difference_covers_and_is_no_wider_than_it_was_measured(seeds, width):
    generator, widths = np.random.default_rng(seeds), []
    for names in KIND_PAIRS:
        cells = [KINDS[name].draw(generator, (200, seeds)) for name in names]
        truth = KINDS[names[0]].mean - KINDS[names[1]].mean
        found = [mean_difference(*pair) for pair in zip(*cells, strict=True)]
        assert np.mean([low <= truth <= high for _, low, high, _ in found]) >= 0.93, names
        widths += [high - low for _, low, high, _ in found]
    assert np.mean(widths) <= 1.1 * width


@pytest.mark.parametrize(("seeds", "low"), [(3, -0.001), (4, 0.15), (5, 0.26)])
def test_seeds_fully_apart(seeds, low):
    """The interval agrees with the permutation test: 3 against 3 show nothing, 4 against 4 do."""
    found = mean_difference([1.0] * seeds, [0.0] * seeds)
    assert round(found.low, 3 if seeds == 3 else 2) == low
    assert found.high == 1
    assert (permutation_test([1.0] * seeds, [0.0] * seeds).p_value <= 0.05) == (low > 0)


def test_a_difference_mirrors_and_takes_unequal_numbers():
    first, second = [0.9, 0.8, 0.7, 0.95], [0.3, 0.2, 0.5, 0.1, 0.4, 0.6]
    found, mirrored = mean_difference(first, second), mean_difference(second, first)
    assert mirrored[:3] == pytest.approx((-found.value, -found.high, -found.low))
    assert mean_difference(first, second, string_error=0.1).low < found.low
    assert mean_difference(first[:2], second).note == "2 seeds: no interval below 3"


@pytest.mark.parametrize(("seeds", "width"), [(5, 0.76), (10, 0.58)])
def test_the_interval_of_beating_covers_and_is_no_wider_than_it_was_measured(seeds, width):
    generator, widths = np.random.default_rng(seeds), []
    for names in KIND_PAIRS:
        draws = [KINDS[name].draw for name in names]
        large = [draw(generator, (3000,)) for draw in draws]
        truth = (np.sign(large[0][:, None] - large[1][None, :]).mean() + 1) / 2
        cells = [draw(generator, (100, seeds)) for draw in draws]
        found = [beats(*pair) for pair in zip(*cells, strict=True)]
        assert np.mean([low <= truth <= high for _, low, high, _ in found]) >= 0.93, names
        widths += [high - low for _, low, high, _ in found]
    assert np.mean(widths) <= 1.1 * width


def test_beating_counts_ties_half_over_lengths():
    first, second = np.array([[1, 0.9]] * 5), np.array([[1, 0.4]] * 5)
    found = beats(first, second)
    assert found.value == 0.75
    assert 0 < found.low < 0.75 < found.high < 1
    assert beats(first[:4], second).low is None


def test_the_interval_of_beating_covers_where_strings_err():
    """Seeds that hardly differ: the strings decide which of two alike cells is ahead."""
    generator = np.random.default_rng(0)
    error, held = 0.05, []
    for _ in range(60):
        first, second = 0.5 + generator.normal(0, 0.002, (2, 12))
        first = first + generator.normal(0, error)
        found = [beats(first, second, string_error=size) for size in (0.0, error)]
        held.append([low <= 0.5 <= high for _, low, high, _ in found])
    alone, both = np.mean(held, axis=0)
    assert alone < 0.4
    assert both >= 0.93


def test_the_error_of_strings_shifts_scores_in_each_draw():
    """Against a slow loop over the draws."""
    generator = np.random.default_rng(1)
    first, second, error = generator.random(5), generator.random(6), 0.1
    shifts = error * np.random.default_rng(4000).standard_normal(4000)
    shares = []
    for shift, ours, theirs in zip(shifts, simplex_weights(5, 1), simplex_weights(6, 2), strict=True):
        wins = (first[:, None] + shift > second[None, :]).astype(float)
        shares.append(ours[:5] @ wins @ theirs[:6])  # pairs with an added seed lose
    found = beats(first, second, string_error=error)
    assert found.low == pytest.approx(min(found.value, np.quantile(shares, 0.025)))
    assert found.value == beats(first, second).value


@pytest.mark.parametrize("scores", [[1.0] * 20, [0.0] * 20, [1.0] * 19 + [0.3]])
def test_bounds_stay_in_the_scale(scores):
    for seeds in range(5, 21):
        cell, other = scores[-seeds:], [0.0] * seeds
        for found in (
            mean_interval(cell),
            interquartile_interval(cell),
            beats(cell, other),
            beats(other, cell),
        ):
            assert 0 <= found.low <= found.value <= found.high <= 1
        assert -1 <= mean_difference(cell, other).low <= mean_difference(cell, other).high <= 1


@pytest.mark.parametrize("sizes", [(3, 3), (4, 6), (5, 5), (7, 4), (2, 9)])
def test_the_permutation_test_is_scipys(sizes):
    generator = np.random.default_rng(sum(sizes))
    for _ in range(4):
        first, second = (generator.integers(0, 6, size) / 6 for size in sizes)

        def welch(ours, theirs, axis):
            shift = ours.mean(axis=axis) - theirs.mean(axis=axis)
            if sizes[0] == sizes[1]:
                return np.abs(shift)
            error = sum(group.var(axis=axis, ddof=1) / group.shape[axis] for group in (ours, theirs))
            return np.abs(shift) / np.maximum(np.sqrt(error), 1e-6)

        expected = scipy_test(
            (first, second), welch, vectorized=True, n_resamples=np.inf, alternative="greater"
        )
        found = permutation_test(first, second)
        assert found.exact
        assert found.p_value == pytest.approx(expected.pvalue, abs=1e-12)


def test_studentising_changes_nothing_at_equal_numbers():
    generator = np.random.default_rng(0)
    for _ in range(5):
        pooled = generator.random(8)
        scores = []
        for chosen in combinations(range(8), 4):
            one, two = pooled[list(chosen)], np.delete(pooled, chosen)
            scores.append(
                (abs(one.mean() - two.mean()), abs(one.mean() - two.mean()) / np.sqrt(one.var() + two.var()))
            )
        plain, studentised = np.array(scores).T
        hits = (studentised >= studentised[0] - 1e-9).mean()
        assert permutation_test(pooled[:4], pooled[4:]).p_value == pytest.approx(hits)
        assert hits == pytest.approx((plain >= plain[0] - 1e-9).mean())


def test_many_assignments_are_drawn_and_few_are_not():
    generator = np.random.default_rng(0)
    ten, twelve = generator.random((2, 10)), generator.random((2, 12))
    assert permutation_test(*ten)[1:] == (184_756, True)
    found = permutation_test(*twelve)
    assert found[1:] == (100_001, False)
    exact = scipy_test(
        tuple(twelve),
        lambda x, y, axis: x.mean(axis=axis) - y.mean(axis=axis),
        vectorized=True,
        n_resamples=30_000,
    )
    assert found.p_value == pytest.approx(exact.pvalue, abs=0.015)
    apart = permutation_test([1.0] * 12, [0.0] * 12)
    assert apart.p_value == pytest.approx(1 / 100_001, rel=1)


def test_assignments_part_the_seeds():
    for sizes in ((3, 4), (11, 12)):
        chosen, others = assignments(*sizes)
        whole = np.sort(np.concatenate([chosen[:200], others[:200]], axis=1), axis=1)
        assert (whole == np.arange(sum(sizes))).all()


def test_the_least_p_value_is_that_of_seeds_fully_apart():
    for sizes in ((1, 1), (3, 3), (4, 5), (5, 5)):
        scores = np.linspace(0.8, 1, sizes[0]), np.linspace(0, 0.2, sizes[1])
        assert permutation_test(*scores).p_value == pytest.approx(least_p_value(*sizes))


@pytest.mark.parametrize("bad", [[], [float("nan")]])
def test_cells_without_scores_are_refused(bad):
    with pytest.raises(ValueError, match="finite scores"):
        permutation_test(bad, [0.5])


@pytest.mark.parametrize("seeds", [4, 5, 7])
def test_the_permutation_test_keeps_its_size_for_two_modes(seeds):
    generator = np.random.default_rng(seeds)
    for rate in (0.3, 0.5, 0.7):
        cells = [two_modes(rate).draw(generator, (1000, seeds)) for _ in range(2)]
        assert (permutation_p_values(*cells) <= 0.05).mean() <= 0.06


def test_many_studies_at_once_give_the_same_p_values():
    generator = np.random.default_rng(0)
    first, second = generator.random((2, 5, 6))
    expected = [permutation_test(*pair).p_value for pair in zip(first, second, strict=True)]
    assert permutation_p_values(first, second) == pytest.approx(expected)
    large = generator.random((2, 3, 10))
    expected = [permutation_test(*pair).p_value for pair in zip(*large, strict=True)]
    assert permutation_p_values(*large) == pytest.approx(expected, abs=0.04)


@pytest.mark.parametrize("sizes", [(3, 3), (5, 5), (4, 7), (10, 10)])
def test_boschloo_is_scipys(sizes):
    generator = np.random.default_rng(0)
    outcomes = {
        (0, sizes[1]),
        (sizes[0], 0),
        (0, 0),
        *map(tuple, generator.integers(0, np.add(sizes, 1), (8, 2)).tolist()),
    }
    for one, two in outcomes:
        expected = boschloo_exact([[one, two], [sizes[0] - one, sizes[1] - two]]).pvalue
        assert boschloo(one, sizes[0], two, sizes[1]) == pytest.approx(min(1, expected), rel=1e-4)


@pytest.mark.parametrize(
    ("seeds", "size"), [(3, 0.031), (4, 0.008), (5, 0.021), (6, 0.039), (7, 0.024), (10, 0.042), (20, 0.046)]
)
def test_boschloos_largest_true_size(seeds, size):
    from scipy.stats import binom

    rejected = boschloo_table(seeds, seeds) <= 0.05
    sizes = [
        (np.outer(chances, chances) * rejected).sum()
        for chances in (binom.pmf(np.arange(seeds + 1), seeds, rate) for rate in np.linspace(0, 1, 1001))
    ]
    assert max(sizes) == pytest.approx(size, abs=6e-4)


def test_boschloo_says_what_permutation_cannot():
    assert boschloo(3, 3, 0, 3) == pytest.approx(1 / 32)
    assert permutation_test([1.0] * 3, [0.0] * 3).p_value == pytest.approx(0.1)
    with pytest.raises(ValueError, match="4 of 3"):
        boschloo(4, 3, 0, 3)


def test_the_least_boschloo_is_that_of_the_outcomes_with_as_many_successes():
    table = boschloo_table(4, 6)
    for successes in range(11):
        places = [(one, successes - one) for one in range(5) if 0 <= successes - one <= 6]
        assert least_boschloo(successes, 4, 6) == min(table[place] for place in places)


def test_paired_strings_are_students_test_with_a_normal_limit():
    generator = np.random.default_rng(0)
    first, second = generator.random((2, 300))
    expected = ttest_1samp(first - second, 0)
    found = paired_test([first], [second], [1.0])
    assert found == pytest.approx(expected.pvalue, abs=0.01)
    assert (
        standard_error(differences([first], [second]), [1.0])
        < np.hypot(*(standard_error([cell], [1.0]) for cell in (first, second))) * 1.2
    )


def test_paired_strings_without_spread():
    assert paired_test([[1, 1]], [[1, 1]], [1.0]) == 1
    assert paired_test([[1, 1]], [[0, 0]], [1.0]) == 0
    with pytest.raises(ValueError, match="same strings"):
        paired_test([[1, 1]], [[0, 0, 0]], [1.0])


def test_pairing_uses_that_hard_strings_are_hard_for_both():
    generator = np.random.default_rng(0)
    hard = generator.normal(0, 4, 1000)
    means = [1 / (1 + np.exp(-(hard + shift + generator.normal(0, 0.5, 1000)))) for shift in (0.3, 0.0)]
    paired = standard_error(differences([means[0]], [means[1]]), [1.0])
    apart = np.hypot(*(standard_error([cell], [1.0]) for cell in means))
    assert paired < apart / 2
    assert paired_test([means[0]], [means[1]], [1.0]) < 1e-3
