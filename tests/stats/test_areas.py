"""Areas against restricted reaches, the former area in doublings, and numerical integration."""

import numpy as np
import pytest

from lengen.statistics.areas import area_weights, common_lengths, doublings, mean_areas
from lengen.statistics.former import area


def test_equal_curves_swept_to_different_lengths_are_equal():
    long, short = [5, 10, 20, 30, 40], [5, 10, 20]
    curve = dict(zip(long, [1.0, 1.0, 0.7, 0.2, 0.1], strict=True))
    common = common_lengths([long, short])
    assert common == (5, 10, 20)
    areas = [mean_areas([[curve[length] for length in common]], common, 10) for _ in (long, short)]
    assert areas[0] == areas[1] == pytest.approx(0.85)


@pytest.mark.parametrize("reach", [10, 14, 25, 40, 80, 200])
def test_a_step_has_its_restricted_log_reach(reach):
    lengths = np.arange(1, 81)
    score = mean_areas([(lengths <= reach).astype(float)], lengths.tolist(), 10)[0] * 3
    assert score == pytest.approx(np.log2(min(reach, 80) / 10), abs=np.log2((reach + 1) / reach))


@pytest.mark.filterwarnings("ignore:lengen.statistics.area:DeprecationWarning")
def test_it_is_the_former_area_divided_by_the_doublings():
    generator = np.random.default_rng(0)
    for _ in range(100):
        lengths = sorted(generator.choice(np.arange(2, 200), 8, replace=False).tolist())
        train = int(generator.integers(lengths[0], lengths[-1]))
        curve = generator.random(8)
        expected = area(lengths, curve.tolist(), train) / doublings(lengths, train)
        assert mean_areas([curve], lengths, train)[0] == pytest.approx(expected)


def test_it_is_the_integral_over_log_length():
    lengths, curve = [7, 11, 16, 40], [1.0, 0.8, 0.3, 0.1]
    at = np.linspace(0, np.log2(4), 200_001)
    values = np.interp(at, np.log2(np.asarray(lengths) / 10), curve)
    assert mean_areas([curve], lengths, 10)[0] == pytest.approx(values.mean(), abs=1e-5)


def test_a_sweep_that_begins_beyond_the_train_length_keeps_its_first_value_down_to_it():
    assert mean_areas([[0.5, 0.5]], [20, 40], 10).tolist() == [0.5]


def test_weights_sum_to_one_and_ignore_trained_lengths():
    weights = area_weights([2, 4, 10, 20, 40, 80], 10)
    assert weights.sum() == pytest.approx(1)
    assert weights[:2].tolist() == [0, 0]


def test_no_sweep_has_no_common_length():
    assert common_lengths([]) == ()
    assert common_lengths([[1, 2], [3]]) == ()


@pytest.mark.parametrize(("lengths", "named"), [([5, 10], "beyond"), ([], "beyond"), ([20, 10], "ascend")])
def test_lengths_without_an_area_are_refused(lengths, named):
    with pytest.raises(ValueError, match=named):
        area_weights(lengths, 10)


@pytest.mark.parametrize("score", [1.1, -0.1, float("nan")])
def test_what_is_no_accuracy_is_refused(score):
    with pytest.raises(ValueError, match="must be in"):
        mean_areas([[score, 0.0]], [10, 20], 10)
