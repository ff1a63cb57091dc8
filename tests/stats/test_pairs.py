"""Adjustment for many pairs: against statsmodels, against a slow closed test, and by simulation of whole studies."""

from itertools import combinations

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from lengen.statistics.closed import closed_test, panel_p_value, subset_p_values
from lengen.statistics.counts import boschloo
from lengen.statistics.multiple import benjamini_hochberg, holm, tarone_holm
from lengen.statistics.pairs import compare_areas, compare_counts, panel_pairs
from lengen.statistics.permutation import permutation_test
from lengen.statistics.seed_kinds import two_modes
from lengen.statistics.strings import paired_test, seed_error

pytestmark = pytest.mark.whole_run  # seconds each


@pytest.mark.parametrize(("ours", "method"), [(holm, "holm"), (benjamini_hochberg, "fdr_bh")])
def test_adjusted_p_values_are_those_of_statsmodels(ours, method):
    generator = np.random.default_rng(0)
    for size in (1, 2, 5, 45):
        p_values = generator.choice([0.001, 0.01, 0.02, 0.04, 0.3, 1.0], size) * generator.random(size).round(
            1
        )
        assert ours(p_values) == pytest.approx(multipletests(p_values, method=method)[1])


def test_tarone_is_holm_where_every_test_can_be_significant():
    p_values = np.random.default_rng(0).random(10)
    assert tarone_holm(p_values, np.zeros(10)) == pytest.approx(holm(p_values))


def test_tarone_counts_tests_that_could_be_as_significant():
    """Against a search for the level: K is the least with at most K tests that can reach level / K."""
    generator = np.random.default_rng(1)
    for _ in range(30):
        floors = generator.choice([0.001, 0.004, 0.02, 0.3, 1.0], 6)
        p_values = np.minimum(1.0, floors * generator.choice([1.0, 1.5, 3.0], 6))
        expected = slow_tarone(p_values, floors)
        assert tarone_holm(p_values, floors) == pytest.approx(expected, abs=2e-3)


def slow_tarone(p_values, floors):
    """Least level of a grid at which a test, and all with lesser p-values, are rejected."""
    adjusted = np.ones(len(p_values))
    order = np.argsort(p_values, kind="stable")
    reached = 0.0
    for step, test in enumerate(order):
        left = floors[order[step:]]
        for level in np.arange(0.001, 1.0, 0.001):
            count = next(k for k in range(1, len(left) + 2) if (left <= level / k + 1e-12).sum() <= k)
            if p_values[test] <= level / count + 1e-12:
                break
        else:
            level = 1.0
        reached = adjusted[test] = max(reached, level)
    return adjusted


def test_two_cells_need_no_adjustment():
    cells = np.random.default_rng(0).random((2, 5))
    expected = permutation_test(*cells).p_value
    assert closed_test(cells)[0, 1] == expected
    (pair,) = compare_areas(cells)
    assert pair.p_seeds == pair.p_value == pair.p_holm == pair.p_family == pair.q_value == expected


def slow_subset(cells) -> float:
    """P-value of a subset: largest less smallest mean, all seeds shuffled."""
    generator, seeds = np.random.default_rng(9), len(cells[0])
    pooled = np.concatenate(cells)
    extent = np.ptp([cell.mean() for cell in cells])
    shuffled = generator.permuted(np.tile(pooled, (4000, 1)), axis=1).reshape(4000, len(cells), seeds)
    return float((np.ptp(shuffled.mean(axis=2), axis=1) >= extent - 1e-9).mean())


def test_the_closed_test_is_a_slow_one():
    generator = np.random.default_rng(2)
    cells = generator.random((4, 5)) + np.array([0.0, 0.2, 0.5, 0.9])[:, None]
    expected = np.zeros((4, 4))
    for size in (2, 3, 4):
        for subset in combinations(range(4), size):
            chosen = [cells[cell] for cell in subset]
            p_value = permutation_test(*chosen).p_value if size == 2 else slow_subset(chosen)
            for pair in combinations(subset, 2):
                expected[pair] = max(expected[pair], min(1, p_value * (1 if size >= 3 else 4 / size)))
    found = closed_test(cells)
    for pair in combinations(range(4), 2):
        assert found[pair] == found[pair[::-1]] == pytest.approx(expected[pair], abs=0.02)


def test_all_subsets_are_tested_with_unequal_seeds_too():
    generator = np.random.default_rng(0)
    cells = [generator.random(seeds) for seeds in (5, 3, 4, 5, 7)]
    found = dict(subset_p_values(cells))
    assert {tuple(sorted(subset)) for subset in found} == {
        subset for size in range(2, 6) for subset in combinations(range(5), size)
    }
    assert all(0 < p_value <= 1 for p_value in found.values())


def test_subsets_with_the_same_scores_have_the_p_value_that_each_has_alone():
    """Numbers of successes often repeat, and their subsets come in no order of scores."""
    rights = (3, 0, 5, 0, 3, 5)
    scores = [np.arange(5) < right for right in rights]
    found = dict(subset_p_values([each.astype(float) for each in scores], permutations=300))
    for subset in combinations(range(6), 3):
        assert found[subset] == panel_p_value([scores[cell] for cell in subset], 300)
    assert len(set(found.values())) > 3


def test_welchs_statistic_finds_a_cell_far_away():
    generator = np.random.default_rng(0)
    cells = [generator.normal(mean, 0.01, seeds) for mean, seeds in ((0.1, 6), (0.1, 5), (0.9, 7))]
    found = closed_test(cells)
    assert found[0, 2] < 0.01
    assert found[1, 2] < 0.01
    assert found[0, 1] > 0.05


@pytest.mark.parametrize("cells", [1, 13])
def test_the_closed_test_refuses_other_numbers_of_cells(cells):
    with pytest.raises(ValueError, match=f"2 to 12 cells, got {cells}"):
        closed_test(np.zeros((cells, 5)))


def claims(draw, studies: int, true=lambda first, second: False) -> float:
    """Share of studies with a claim about a pair that does not differ."""
    generator = np.random.default_rng(5)
    return float(np.mean([any_false(draw(generator), true) for _ in range(studies)]))


def any_false(cells, true) -> bool:
    if panel_p_value(cells) > 0.05:
        return False  # no pair can be claimed
    family = closed_test(cells)
    return any(family[pair] <= 0.05 and not true(*pair) for pair in combinations(range(len(cells)), 2))


def test_no_pair_is_claimed_where_the_panel_is_alike():
    generator = np.random.default_rng(3)
    for seeds in ((5,) * 5, (4, 5, 5, 6, 7)):
        cells = [generator.random(number) for number in seeds]
        assert closed_test(cells)[~np.eye(5, dtype=bool)].min() >= panel_p_value(cells) - 0.01


UNEQUAL = (4, 4, 5, 5, 5, 5, 5, 5, 6, 6)


@pytest.mark.parametrize(
    "draw",
    [
        lambda generator: two_modes(0.5).draw(generator, (10, 5)),
        pytest.param(lambda generator: generator.beta(30, 20, (10, 5)), marks=pytest.mark.long),
        lambda generator: [two_modes(0.5).draw(generator, (seeds,)) for seeds in UNEQUAL],
    ],
    ids=["two modes", "one mode", "unequal seeds"],
)
def test_ten_alike_cells_are_rarely_told_apart(draw):
    assert (
        claims(draw, 200 if len({len(cell) for cell in draw(np.random.default_rng(0))}) == 1 else 40) < 0.07
    )


def spreads(generator, seeds=5, cells=10):
    """One mean, and two spreads: half of the cells have two modes, the others one."""
    half = cells // 2
    rate = (0.6 - 1 / 16) / (40 / 41 - 1 / 16)
    return [*two_modes(rate).draw(generator, (half, seeds)), *generator.beta(30, 20, (cells - half, seeds))]


def across(one: int, two: int) -> bool:
    """Whether cells of different spread are compared, which do differ."""
    return one < 5 <= two


def test_unequal_spreads_are_rarely_told_apart_within_halves():
    assert claims(spreads, 60, across) < 0.07


@pytest.mark.long
def test_unequal_spreads_are_rarely_told_apart_within_halves_of_many_studies():
    assert claims(spreads, 400, across) < 0.07
    assert claims(lambda generator: spreads(generator, 7), 200, across) < 0.07


@pytest.mark.long
def test_unequal_numbers_of_seeds_keep_the_level():
    assert (
        claims(lambda generator: [two_modes(0.5).draw(generator, (seeds,)) for seeds in UNEQUAL], 300) < 0.07
    )


@pytest.mark.long
def test_cells_fully_apart_are_found():
    generator = np.random.default_rng(0)
    means = np.linspace(0.05, 0.95, 10)
    far = [pair for pair in combinations(range(10), 2) if pair[1] - pair[0] >= 3]
    studies = [closed_test(generator.beta(*shapes(means), (10, 7))) for _ in range(40)]
    assert np.mean([all(family[pair] <= 0.05 for pair in far) for family in studies]) >= 0.9


def shapes(means):
    """Parameters of beta distributions with these means, one row per cell."""
    return 50 * means[:, None], 50 * (1 - means[:, None])


def test_a_ladder_is_climbed():
    """Holm can claim nothing about 10 cells of 5 seeds; the closed test finds cells that are far apart."""
    generator = np.random.default_rng(0)
    means = np.linspace(0.05, 0.95, 10)
    cells = np.clip(generator.normal(means[:, None], 0.03, (10, 5)), 0, 1)
    pairs = compare_areas(cells)
    assert min(pair.p_holm for pair in pairs) > 0.05
    assert all(pair.p_family <= 0.05 for pair in pairs if pair.second - pair.first >= 3)


def test_ten_cells_take_seconds():
    from time import perf_counter

    cells = np.random.default_rng(0).random((10, 5))
    start = perf_counter()
    compare_areas(cells)
    assert perf_counter() - start < 10


def test_strings_hold_claims_back():
    generator = np.random.default_rng(0)
    cells = generator.normal([[0.1], [0.5], [0.9]], 0.01, (3, 5))
    strings = {(0, 1): 0.03, (0, 2): 0.001, (1, 2): 0.4}
    found = {(pair.first, pair.second): pair for pair in compare_areas(cells, strings)}
    assert found[1, 2].p_value == found[1, 2].p_strings == 0.4
    assert found[1, 2].p_family == pytest.approx(0.4)
    assert found[0, 1].p_family == pytest.approx(0.06)  # Holm over the strings
    assert found[0, 2].p_family == found[0, 2].p_seeds == pytest.approx(2 / 252)
    assert compare_areas(cells)[0].p_strings is None


@pytest.mark.parametrize(("number", "studies"), [(2, 2000), pytest.param(4, 500, marks=pytest.mark.long)])
def test_equal_errors_of_seeds_and_strings_keep_the_level(number, studies):
    """Alike cells that each find their own strings easy: with the seeds taken as fixed, the test on strings claims too much."""
    generator = np.random.default_rng(number)
    claims = []
    for _ in range(studies):
        seeds = generator.normal(0, 0.025, (number, 6))
        strings = generator.normal(0.5, 0.14, (number, 200))
        cells = list(strings.mean(axis=1)[:, None] + seeds)
        strings += seeds.mean(axis=1)[:, None]  # a cell has one mean, over seeds and over strings
        claimed = []
        for counted in (0, 1):
            p_strings = {
                (one, two): paired_test(
                    [strings[one]], [strings[two]], [1.0], counted * seed_error(cells[one], cells[two])
                )
                for one, two in panel_pairs(number)
            }
            claimed.append(min(test.p_family for test in compare_areas(cells, p_strings)) <= 0.05)
        claims.append(claimed)
    fixed, both = np.mean(claims, axis=0)
    assert fixed > 0.09
    assert both < 0.07


def test_a_control_is_tested_against_each_other_cell_alone():
    cells = np.random.default_rng(0).random((5, 5))
    found = compare_areas(cells, control=2)
    assert (
        [(pair.first, pair.second) for pair in found] == panel_pairs(5, 2) == [(2, 0), (2, 1), (2, 3), (2, 4)]
    )
    expected = holm([permutation_test(cells[2], cells[other]).p_value for other in (0, 1, 3, 4)])
    assert [pair.p_family for pair in found] == pytest.approx(expected.tolist())


def test_beyond_twelve_cells_it_is_holm():
    cells = np.random.default_rng(0).random((13, 3))
    assert all(pair.p_family == pair.p_holm for pair in compare_areas(cells))


def test_a_panel_of_one_cell_has_no_pairs():
    assert compare_areas([[0.5, 0.6]]) == compare_counts([1], [2]) == []


def test_counts_are_adjusted_by_closure_and_by_what_can_be_significant():
    found = {(test.first, test.second): test for test in compare_counts([5, 0, 0, 0], [5, 5, 5, 5])}
    apart = boschloo(5, 5, 0, 5)
    assert found[0, 1].p_holm == pytest.approx(6 * apart)
    assert found[0, 1].p_tarone == pytest.approx(3 * apart)  # three of the six pairs could differ
    assert 2 * apart <= found[0, 1].p_family <= 0.05
    assert found[1, 2].p_value == found[1, 2].p_family == 1


def test_counts_of_two_cells_and_of_a_control():
    (pair,) = compare_counts([5, 1], [5, 6])
    assert pair.p_value == pair.p_holm == pair.p_tarone == pair.p_family == boschloo(5, 5, 1, 6)
    against = compare_counts([5, 0, 1], [5, 5, 5], control=1)
    assert [(test.first, test.second) for test in against] == [(1, 0), (1, 2)]
    assert all(test.p_family == test.p_holm for test in against)


@pytest.mark.parametrize("seeds", [4, 5])
def test_counts_of_alike_cells_are_rarely_told_apart(seeds):
    """With Tarone's adjustment 0.09 of these studies of 6 cells of 4 seeds make a claim."""
    generator = np.random.default_rng(seeds)
    counts = generator.binomial(seeds, 0.5, (60, 6)).tolist()
    claimed = [any(test.p_family <= 0.05 for test in compare_counts(study, [seeds] * 6)) for study in counts]
    assert np.mean(claimed) < 0.07


def test_counts_far_apart_are_found():
    generator = np.random.default_rng(0)
    counts = np.column_stack([generator.binomial(5, rate, 20) for rate in (0.1, 0.1, 0.9, 0.9)]).tolist()
    found = [
        test.p_family <= 0.05
        for study in counts
        for test in compare_counts(study, [5] * 4)
        if test.first < 2 <= test.second
    ]
    assert np.mean(found) > 0.35
