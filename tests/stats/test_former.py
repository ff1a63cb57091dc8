"""Functions that others replace: what they computed, and that they warn."""

import math
from itertools import combinations

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from lengen.statistics.former import area, difference, improvement, iqm, mean_rank

pytestmark = pytest.mark.filterwarnings("ignore:lengen.statistics:DeprecationWarning")


@pytest.mark.parametrize(
    ("function", "arguments", "named"),
    [
        (area, ([10, 20], [1.0, 0.0], 10), "areas.mean_areas"),
        (difference, ([1.0], [0.0]), "permutation.permutation_test"),
        (improvement, ([[1.0]], [[0.0]]), "differences.beats"),
        (iqm, ([[1.0]],), "interquartile.interquartile_interval"),
        (mean_rank, ([[1.0]],), "comparison.ranks.ranks"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_former_function_names_its_replacement(function, arguments, named):
    with pytest.warns(DeprecationWarning, match=named):
        function(*arguments)


def test_iqm_pools_the_strata():
    first, second = [[0.0, 0.2], [0.4, 0.6]], [[1.0, 1.0], [0.9, 0.1]]
    point, low, high = iqm([first, second])
    assert point == pytest.approx(np.mean(sorted(np.ravel(first + second))[2:6]))
    assert low <= point <= high
    assert low < high


def test_a_single_seed_has_no_interval():
    assert iqm([[[1.0, 0.5, 0.5, 0.0]]]) == (0.5, None, None)
    assert iqm([[[1.0], [0.5]], [[0.5]]])[1:] == (None, None)
    assert improvement([[1.0, 0.9]], [[1.0, 0.4], [0.9, 0.3]])[1:] == (None, None)


def test_area_of_a_line_and_of_a_step():
    lengths = [5, 10, 20, 40, 80]
    assert area(lengths, [1, 1, 1, 1, 1], 10) == pytest.approx(3)
    assert area(lengths, [1, 1, 0, 0, 0], 10) == pytest.approx(0.5)
    assert area([8, 12, 40], [1.0, 0.5, 0.5], 10) == pytest.approx(
        math.log2(1.2) * (np.interp(0, [math.log2(0.8), math.log2(1.2)], [1, 0.5]) + 0.5) / 2
        + math.log2(40 / 12) * 0.5
    )
    assert area([20, 40], [1.0, 0.0], 10) == pytest.approx(0.5)  # begins at the first length beyond
    assert math.isnan(area([5, 10], [1, 1], 10))


def test_improvement_counts_pairs_of_seeds_at_each_length():
    draw = np.random.default_rng(0)
    ours, theirs = draw.integers(0, 4, (3, 5)) / 4, draw.integers(0, 4, (4, 5)) / 4
    counted = [
        1.0 if first > second else 0.5 if first == second else 0.0
        for length in range(5)
        for first in ours[:, length]
        for second in theirs[:, length]
    ]
    point, low, high = improvement(ours, theirs)
    assert point == pytest.approx(sum(counted) / len(counted))
    assert low <= point <= high
    assert improvement(theirs, ours)[0] == pytest.approx(1 - point)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ([1, 2, 3], [4, 5, 6]),
        ([1, 2, 2, 5], [2, 3, 6, 7]),
        ([1, 1, 1, 1, 1], [1, 1, 1, 1, 2]),
        ([0.2, 0.9], [0.1, 0.5, 0.3]),
    ],
)
def test_difference_deals_the_seeds_out_in_every_way(ours, theirs):
    scores = ours + theirs
    ranks = [sum(other < score for other in scores) + (scores.count(score) + 1) / 2 for score in scores]

    def apart(chosen):
        rest = [index for index in range(len(scores)) if index not in chosen]
        return sum(ranks[i] for i in chosen) / len(chosen) - sum(ranks[i] for i in rest) / len(rest)

    every = [apart(chosen) for chosen in combinations(range(len(scores)), len(ours))]
    seen = every[0]
    tails = [sum(each <= seen + 1e-9 for each in every), sum(each >= seen - 1e-9 for each in every)]
    assert difference(ours, theirs) == pytest.approx(min(1.0, 2 * min(tails) / len(every)))


def test_three_seeds_never_tell_two_cells_apart_and_four_do():
    assert difference([1, 2, 3], [4, 5, 6]) == pytest.approx(0.1)
    assert difference([1, 2, 3, 4], [5, 6, 7, 8]) == pytest.approx(2 / 70)
    assert difference([1.0] * 5, [1.0] * 5) == 1.0
    assert difference([], [1.0]) == 1.0
    assert difference([9.0], [1.0] * 50) == 1.0


def test_equal_scores_share_ranks_whatever_the_order_of_rows():
    scores = np.array([[0.9, 0.5], [0.9, 0.7], [0.1, 0.7], [0.3, np.nan]])
    ranks = mean_rank(scores)
    assert ranks == [(1.5 + 3) / 2, (1.5 + 1.5) / 2, (4 + 1.5) / 2, 3.0]
    order = [2, 0, 3, 1]
    assert mean_rank(scores[order]) == [ranks[index] for index in order]


def test_many_seeds_take_the_normal_limit_which_is_near_the_count():
    draw = np.random.default_rng(1)
    ours, theirs = list(draw.normal(size=9)), list(draw.normal(0.8, size=9))
    exact = mannwhitneyu(ours, theirs, method="exact").pvalue
    assert difference(ours, theirs) == pytest.approx(exact, abs=0.01)
    assert difference([1.0] * 9, [1.0] * 8 + [0.5]) > 0.3
