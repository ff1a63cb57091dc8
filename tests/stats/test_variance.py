"""Variance components of crossed seeds: against the tables of statsmodels, a slow search, and simulations with known components."""

from itertools import combinations, product

import numpy as np
import pandas
import pytest
from statsmodels.api import stats
from statsmodels.formula.api import ols

from lengen.statistics.variance import components, crossing, string_component


def mean_squares(values, formula):
    """Mean squares by name, from the analysis of variance of statsmodels; the axes of the values are i, j and s."""
    names = "ijs"[: values.ndim]
    rows = pandas.DataFrame(
        [(*index, value) for index, value in np.ndenumerate(values)], columns=[*names, "y"]
    )
    table = stats.anova_lm(ols(f"y ~ {formula}", rows).fit())
    return {name.replace("C(", "").replace(")", ""): row["mean_sq"] for name, row in table.iterrows()}


@pytest.mark.parametrize("shape", [(2, 2), (3, 5), (6, 4)])
def test_the_components_of_two_kinds_of_seeds_are_those_of_statsmodels(shape):
    areas = np.random.default_rng(shape).beta(2, 1, shape)
    table = mean_squares(areas, "C(i) + C(j)")
    found = components(areas)
    assert found.init == pytest.approx((table["i"] - table["Residual"]) / shape[1])
    assert found.data == pytest.approx((table["j"] - table["Residual"]) / shape[0])
    assert (found.rest, found.strings) == (pytest.approx(table["Residual"]), None)


@pytest.mark.parametrize("shape", [(2, 2, 5), (3, 4, 6)])
def test_the_component_of_strings_is_that_of_the_three_way_table(shape):
    generator = np.random.default_rng(shape)
    exact = [generator.random(shape) < generator.random(shape[2]) for _ in range(3)]
    expected = 0.0
    for verdicts, weight in zip(exact, (0.0, 0.3, 0.7), strict=True):
        table = mean_squares(verdicts.astype(float), "(C(i) + C(j) + C(s)) ** 2")
        component = table["s"] - table["i:s"] - table["j:s"] + table["Residual"]
        expected += weight**2 * component / (shape[0] * shape[1]) / shape[2]
    assert string_component(exact, [0.0, 0.3, 0.7]) == pytest.approx(expected)


def simulated(generator, studies, shape, deviations):
    """Scores of normal seeds and strings, studies x init seeds x data seeds x strings, and what each part of them is."""
    axes = {"i": (0,), "j": (1,), "s": (2,), "ij": (0, 1), "is": (0, 2), "js": (1, 2), "ijs": (0, 1, 2)}
    total = np.zeros((studies, *shape))
    for name, deviation in deviations.items():
        size = [shape[axis] if axis in axes[name] else 1 for axis in range(3)]
        total += deviation * generator.standard_normal((studies, *size))
    return total


def test_they_are_unbiased():
    """Over 1,500 studies the mean of each component is the true one, within four standard errors."""
    deviations = {"i": 0.5, "j": 0.3, "s": 0.8, "ij": 0.4, "is": 0.5, "js": 0.3, "ijs": 1.0}
    shape = (3, 4, 20)
    scores = simulated(np.random.default_rng(0), 1500, shape, deviations)
    found = np.array([components(each.mean(axis=2), string_component([each], [1.0])) for each in scores])
    square = {name: deviation**2 for name, deviation in deviations.items()}
    expected = [
        square["i"] + square["is"] / 20,  # what an init seed does on these strings
        square["j"] + square["js"] / 20,
        square["s"] / 20,
        square["ij"] + square["ijs"] / 20,
    ]
    error = found.std(axis=0, ddof=1) / np.sqrt(len(found))
    assert (np.abs(found.mean(axis=0) - expected) < 4 * error).all()
    assert (error < 0.1 * np.array(expected)).all()
    total = scores.mean(axis=3)[:, 0, 0].var(ddof=1)  # one run of each study: new seeds and new strings
    assert sum(expected) == pytest.approx(total, rel=0.15)


def test_shares_add_up_and_a_component_below_zero_is_none():
    found = components([[0.2, 0.4], [0.4, 0.2]], 0.01)  # only which seed meets which
    assert (found.init, found.data) == (pytest.approx(-0.02), pytest.approx(-0.02))
    assert found.shares == (0, 0, pytest.approx(0.2), pytest.approx(0.8))
    assert components(np.ones((3, 3))).shares == (None, None, None, None)
    assert components([[0.0, 0.0], [1.0, 1.0]]).shares == (1, 0, None, 0)


def test_too_few_seeds_or_strings_are_refused():
    for areas in (np.zeros((1, 3)), np.zeros((3, 1)), np.zeros(4)):
        with pytest.raises(ValueError, match="at least 2"):
            components(areas)
    with pytest.raises(ValueError, match="at least 2"):
        string_component([np.zeros((2, 2, 1))], [1.0])
    assert string_component([np.zeros((2, 2, 1))], [0.0]) == 0


def largest(pairs):
    """The number of runs of the largest complete crossing, by trying every set of seeds of the first kind."""
    firsts, best = sorted({first for first, _ in pairs}), 0
    for size in range(2, len(firsts) + 1):
        for chosen in combinations(firsts, size):
            shared = set.intersection(*({two for one, two in pairs if one == first} for first in chosen))
            best = max(best, size * len(shared) if len(shared) > 1 else 0)
    return best


@pytest.mark.parametrize("seed", range(20))
def test_the_largest_crossing_is_found(seed):
    generator = np.random.default_rng(seed)
    share = generator.uniform(0.2, 0.9)
    pairs = {pair for pair in product(range(5), range(6)) if generator.random() < share}
    inits, datas = crossing(sorted(pairs))
    assert len(inits) * len(datas) == largest(pairs)
    assert set(product(inits, datas)) <= pairs


def test_seeds_that_are_not_crossed_have_no_crossing():
    assert crossing([]) == ([], [])
    assert crossing([(seed, seed) for seed in range(40)]) == ([], [])
    assert crossing([(seed, 0) for seed in range(5)]) == ([], [])
