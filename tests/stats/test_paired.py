"""The interval of a paired difference covers, and its p-value is McNemar's exact one."""

from itertools import product

import numpy as np
import pytest
from statsmodels.stats.contingency_tables import mcnemar

from lengen.statistics.paired import paired_change
from lengen.statistics.permutation import sign_flip_test


@pytest.mark.parametrize(("lost", "won", "strings"), [(0, 0, 10), (3, 9, 100), (40, 10, 1000), (5, 0, 5)])
def test_that_of_statsmodels(lost, won, strings):
    change = paired_change(lost, won, strings)
    expected = mcnemar([[strings - lost - won, lost], [won, 0]], exact=True).pvalue if lost + won else 1
    assert change.p_value == pytest.approx(expected)
    assert change.difference == (won - lost) / strings
    assert -1 <= change.low <= change.difference <= change.high <= 1


@pytest.mark.parametrize("shares", [(0.02, 0.02), (0.05, 0.2), (0.0, 0.3), (0.4, 0.1)])
@pytest.mark.parametrize("strings", [50, 200])
def test_the_interval_covers(shares, strings):
    generator, covered = np.random.default_rng(1), 0
    draws = generator.multinomial(strings, [*shares, 1 - sum(shares)], size=1000)
    for lost, won, _ in draws.tolist():
        change = paired_change(lost, won, strings)
        covered += change.low <= shares[1] - shares[0] <= change.high
    assert covered >= 930


@pytest.mark.parametrize("seeds", [2, 3, 5, 7])
def test_all_sign_flips(seeds):
    changes = np.random.default_rng(seeds).normal(0.1, 0.2, seeds)
    means = [abs(np.mean(np.array(signs) * changes)) for signs in product((-1, 1), repeat=seeds)]
    expected = np.mean([mean >= abs(changes.mean()) - 1e-12 for mean in means])
    assert sign_flip_test(changes.tolist()) == pytest.approx(expected)


def test_one_change_has_no_sign_flip_test():
    assert sign_flip_test([0.3]) is None
    assert sign_flip_test([0.0, 0.0, 0.0]) == 1
