"""Points of several cells at one length: apart, near their length, and on its side of the trained region."""

import random

import numpy as np
import pytest

from lengen.comparison.grouping import assemble
from lengen.report import success
from lengen.report.dodge import dodged
from report.test_page import run


def test_points_stay_on_their_side_apart_and_in_order():
    generator = random.Random(0)
    for _ in range(300):
        places = sorted({round(generator.uniform(0.03, 0.97), 3) for _ in range(generator.randint(1, 40))})
        boundary = generator.choice([generator.uniform(0.03, 0.97), *places])
        count = generator.randint(1, 12)
        moved = np.array([dodged(places, boundary, index, count) for index in range(count)])
        trained = np.array(places) <= boundary
        assert (moved >= 0).all()  # inside the axes
        assert (moved <= 1).all()
        assert (moved[:, trained] <= boundary + 1e-9).all()
        assert (moved[:, ~trained] >= boundary - 1e-9).all()
        assert (np.diff(moved, axis=0) > 0).all()  # side by side, in the order of the cells
        assert (np.diff(moved.T.ravel()) > -1e-9).all()  # points of a length are all before those of the next


@pytest.mark.parametrize("x", ["length", "factor"])
def test_no_point_of_the_figure_crosses_the_trained_region(figures, tmp_path, x):
    shares = (1, 1, 0.9, 0.5, 0)
    runs = [
        run(0, shares, pe=pe, cell=pe) for pe in ("nope", "rope", "alibi", "t5", "fire", "kerple", "xpos")
    ]
    (panel,) = assemble(runs).panels
    success.draw(panel, tmp_path / "success", threshold=0.9, x=x)
    axes = figures[0].axes[0]
    lines = np.array([line.get_xdata() for line in axes.lines])
    train = 1 if x == "factor" else 10
    assert lines.shape == (7, 5)
    low, high = axes.get_xlim()
    assert (lines >= low).all()
    assert (lines <= high).all()
    assert (lines[:, :2] <= train * (1 + 1e-9)).all()
    assert (lines[:, 2:] > train).all()
    assert len(set(lines[:, 1])) == 7  # none on another
