"""Equivalence, power and plans: against statsmodels, published tables and simulation."""

import numpy as np
import pytest
from scipy.stats import binom, boschloo_exact
from scipy.stats import t as student
from statsmodels.stats.weightstats import ttost_ind

from lengen.statistics.equivalence import equivalence, inside, seeds_for_equivalence
from lengen.statistics.plans import family_level, plan
from lengen.statistics.power import (
    areas_power,
    counts_power,
    redraw_power,
    redraw_seeds,
    seeds_for_level,
    seeds_for_narrow,
    seeds_for_power,
    step_power,
)


def test_inside_a_margin_is_the_decision_of_two_one_sided_tests():
    generator = np.random.default_rng(0)
    decisions = set()
    for _ in range(60):
        first, second = generator.normal(0, 1, 12), generator.normal(0.1, 1, 12)
        error = np.sqrt((first.var(ddof=1) + second.var(ddof=1)) / 12)
        half = student.isf(0.05, 22) * error
        shift = first.mean() - second.mean()
        alike = inside(shift - half, shift + half, 0.8)
        assert alike == (ttost_ind(first, second, -0.8, 0.8)[0] < 0.05)
        decisions.add(alike)
    assert decisions == {True, False}


def test_seeds_for_equivalence():
    assert [seeds_for_equivalence(doublings) for doublings in (1, 2)] == [11, 23]
    assert seeds_for_equivalence(2, 0.5) == 11
    assert seeds_for_equivalence(0.2) == 3
    with pytest.raises(ValueError, match="above 0"):
        seeds_for_equivalence(2, 0)


@pytest.mark.parametrize("doublings", [1.0, 2.0])
def test_the_least_seeds_are_where_alike_ceilings_are_found(doublings):
    least = seeds_for_equivalence(doublings)
    assert equivalence([1.0] * least, [1.0] * least, doublings).alike
    few = equivalence([1.0] * (least - 1), [1.0] * (least - 1), doublings)
    assert not few.alike
    assert few.seeds_needed == least


def test_equivalence_is_stated_in_doublings_and_none_for_two_seeds():
    found = equivalence([0.5] * 30, [0.5] * 30, 2.0)
    assert found.high == pytest.approx(-found.low)
    assert equivalence([0.5] * 30, [0.5] * 30, 4.0).high == pytest.approx(2 * found.high)
    assert equivalence([1.0] * 2, [1.0] * 2, 1.0)[:3] == (False, None, None)


@pytest.mark.parametrize("seeds", [23, 30])
def test_cells_that_differ_by_the_margin_are_rarely_alike(seeds):
    """Exactly: of cells that always work and that work with 7/8, by the number of seeds that work."""
    chance = 0.0
    for works in range(seeds + 1):
        scores = [1.0] * works + [0.0] * (seeds - works)
        if equivalence([1.0] * seeds, scores, 2.0).alike:
            chance += binom.pmf(works, seeds, 0.875)
    assert 0 < chance <= 0.06


RATES = [(0, 1), (0, 0.8), (0.1, 0.9), (0, 0.5), (0.2, 0.8), (0.5, 0.9), (0.2, 0.6)]


@pytest.mark.parametrize(
    ("alpha", "areas", "counts"),
    [
        (0.05, [4, 7, 7, 12, 12, 23, 27], [3, 6, 6, 12, 10, 20, 23]),
        (0.01, [5, 9, 10, 17, 18, 33, 37], [4, 7, 8, 15, 16, 30, 35]),
    ],
)
def test_seeds_for_power(alpha, areas, counts):
    for power, expected in ((step_power, areas), (counts_power, counts)):
        found = [seeds_for_power(lambda n, rates=rates: power(n, *rates, alpha)) for rates in RATES]  # noqa: B023
        assert found == expected


@pytest.mark.parametrize(
    ("rates", "seeds", "areas", "counts"),
    [
        ((0.2, 0.8), 6, 0.27, 0.56),
        ((0.1, 0.9), 4, 0.43, 0.43),
        ((0, 0.5), 10, 0.62, 0.83),
        ((0.5, 0.9), 20, 0.74, 0.82),
    ],
)
def test_exact_power(rates, seeds, areas, counts):
    assert step_power(seeds, *rates) == pytest.approx(areas, abs=0.006)
    assert counts_power(seeds, *rates) == pytest.approx(counts, abs=0.006)


@pytest.mark.parametrize(("seeds", "power"), [(3, 0.0), (4, 0.23), (5, 0.46), (7, 0.59), (10, 0.81)])
def test_power_for_two_modes(seeds, power):
    assert areas_power(seeds, 0.2, 0.8) == pytest.approx(power, abs=0.05)


def test_seeds_for_narrow_cells():
    assert [seeds_for_narrow(effect) for effect in (1, 1.5, 2, 3)] == [17, 8, 5, 4]
    assert [seeds_for_narrow(effect, 0.01) for effect in (1, 1.5, 2, 3)] == [26, 13, 8, 5]


def test_redrawn_seeds():
    assert redraw_seeds([0.9, 0.95, 1.0], [0.1, 0.2, 0.15]) == 4
    assert redraw_seeds([0.5, 0.6, 0.7], [0.5, 0.6, 0.7]) is None
    first, second = [0.5, 0.6, 0.7, 0.4, 0.9], [0.5, 0.8, 0.9, 0.7, 0.9]
    found = redraw_seeds(first, second)
    assert redraw_power(first, second, found, studies=500) >= 0.8
    assert redraw_power(first, second, 4) < 0.5


def test_which_numbers_of_seeds_can_show_anything():
    by_holm = {cells: seeds_for_level(0.05 / (cells * (cells - 1) // 2)) for cells in range(2, 47)}
    assert [by_holm[cells] for cells in (2, 3, 4, 5, 7, 8, 13, 14, 25, 26, 46)] == [
        4,
        5,
        5,
        6,
        6,
        7,
        7,
        8,
        8,
        9,
        9,
    ]
    closed = [seeds_for_level(family_level(cells)) for cells in (2, 3, 4, 12)]
    assert closed == [4, 4, 5, 5]


def test_a_plan_says_what_five_seeds_cannot_show():
    found = plan(10, 5)
    assert (found.pairs, found.method) == (45, "closed")
    assert found.least_p == pytest.approx(2 / 252)
    assert (found.single.reachable, found.family.reachable, found.holm.reachable) == (True, True, False)
    assert (found.single.seeds, found.family.seeds, found.holm.seeds) == (4, 5, 7)
    assert (found.family.level, found.holm.level) == (pytest.approx(0.01), pytest.approx(0.05 / 45))
    assert found.counts_least_p == pytest.approx(boschloo_exact([[5, 0], [0, 5]]).pvalue, rel=1e-4)
    assert (found.doublings, found.equivalence_seeds) == (2.0, 23)
    assert found.ceiling_width == pytest.approx(1 - 0.025 ** (1 / 5))
    fewer = plan(10, 4)
    assert not fewer.family.reachable
    assert all(power.areas_family == 0 for power in fewer.powers)


def test_a_plan_with_a_control_or_many_cells_is_holms():
    assert plan(5, 5, control=True).pairs == 4
    assert plan(5, 5, control=True).method == plan(13, 5).method == "holm"
    assert plan(13, 5).family == plan(13, 5).holm


def test_a_plan_has_the_seeds_of_the_single_functions():
    found = plan(10, 5)
    for rates, power in zip(RATES, found.powers, strict=True):
        assert (power.rate, power.other_rate) == rates
        assert power.counts == counts_power(5, *rates)
        assert power.areas_family == areas_power(5, *rates, 0.01)
    assert [power.areas_seeds for power in found.powers] == [4, 7, 7, 12, 12, 23, 27]
    assert [power.areas_family_seeds for power in found.powers] == [5, 9, 10, 17, 18, 33, 37]
    assert [power.counts_seeds for power in found.powers] == [3, 6, 6, 12, 10, 20, 23]
    assert [(each.single, each.family) for each in found.narrow] == [(17, 26), (8, 13), (5, 8), (4, 5)]


def test_no_number_of_seeds_reaches_a_level_below_the_least_p_of_random_assignments():
    many = plan(102, 5)
    assert (many.holm.reachable, many.holm.seeds) == (False, None)
    assert seeds_for_narrow(1, 1e-6) is None


@pytest.mark.parametrize(("cells", "seeds"), [(1, 5), (3, 0)])
def test_a_plan_of_nothing_is_refused(cells, seeds):
    with pytest.raises(ValueError, match="at least two cells"):
        plan(cells, seeds)
