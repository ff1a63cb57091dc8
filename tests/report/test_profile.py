"""The performance profile: up to the shortest sweep end, with exact intervals, and over tasks with other sweeps."""

from dataclasses import replace

import pytest
from scipy.stats import binomtest

from lengen.comparison.cell_scores import ends, profile, reaches
from lengen.comparison.grouping import Cell, Panel, assemble, pooled
from lengen.report import profile as figure
from report.curves import curve
from report.test_page import run


def swept(seed, shares, *, pe="nope", task="addition", train=10):
    """A run with a share of right answers at each length of its own sweep."""
    made = run(seed, (1,), pe=pe, cell=f"{task}-{pe}", task=task)
    config = {**made.config, "train_length": train, "eval": {"lengths": list(shares)}}
    found = curve(shares, pe=pe, seed=seed, cell=made.cell, train_length=train)
    return replace(made, config=config, curve=found)


def drawn(figures, panels, path):
    """The lines of the profile by colour and dashes, and its texts."""
    figure.draw(panels, path / "profile")
    axes = figures[0].axes[0]
    return axes, [line for line in axes.lines if len(line.get_xdata()) > 2 and line.get_linestyle() != "None"]


def test_a_censored_seed_is_not_a_failed_one(figures, tmp_path):
    """Where the sweep ended nothing is said: no line beyond, and no fall to 0."""
    cell = Cell("nope", tuple(swept(seed, {5: 1.0, 10: 1.0, 20: 1.0, 40: 1.0}) for seed in range(5)))
    axes, (line,) = drawn(figures, [Panel("addition", (cell,))], tmp_path)
    assert line.get_xdata().max() == 4.0  # 40 / 10
    assert set(line.get_ydata()) == {1.0}
    assert [text.get_text() for text in axes.texts] == ["sweep ends"]
    assert axes.texts[0].get_position()[0] == 4.0


def test_shares_and_intervals_are_those_of_the_seeds_at_every_length(figures, tmp_path):
    falls = (
        {5: 1.0, 10: 1.0, 20: 1.0, 40: 0.2},
        {5: 1.0, 10: 1.0, 20: 0.3, 40: 0.2},
        {5: 0.5, 10: 0.5, 20: 0.1, 40: 0},
    )
    cell = Cell("nope", tuple(swept(seed, shares) for seed, shares in enumerate(falls)))
    axes, lines = drawn(figures, [Panel("addition", (cell,))], tmp_path)
    (line,) = [line for line in lines if line.get_linewidth() > 1]
    counts = {0.5: 2, 1.0: 2, 2.0: 1, 4.0: 0}  # by hand: reaches 20, 10 and none
    found = dict(zip(line.get_xdata(), line.get_ydata(), strict=True))
    assert {place: found[place] for place in counts} == {place: count / 3 for place, count in counts.items()}
    bars = [bar.round(6).tolist() for bar in axes.collections[0].get_segments()]
    levels = {2: (0.5, 1.0), 1: (1.0, 2.0), 0: (2.0, 4.0)}  # each once, above its own part of the line
    assert len(bars) == len(levels)
    for (count, (start, end)), ((place, low), (_, high)) in zip(levels.items(), bars, strict=True):
        assert start < place < end
        exact = binomtest(count, 3).proportion_ci(method="exact")
        assert (low, high) == (round(exact.low, 6), round(exact.high, 6))


def test_each_cell_ends_where_its_own_shortest_sweep_does(figures, tmp_path):
    right = {5: 1.0, 10: 1.0, 20: 1.0, 40: 1.0}
    long = Cell("nope", tuple(swept(seed, right) for seed in range(2)))
    short = Cell(
        "rope", tuple(swept(seed, dict(list(right.items())[: 3 + seed]), pe="rope") for seed in range(2))
    )
    axes, lines = drawn(figures, [Panel("addition", (long, short))], tmp_path)
    assert [line.get_xdata().max() for line in lines] == [4.0, 2.0]
    assert [text.get_text() for text in axes.texts] == ["sweeps end"]


def test_a_diverged_seed_fails_for_certain_and_shortens_nothing():
    right = swept(0, {5: 1.0, 10: 1.0, 20: 1.0})
    gone = run(1, (), status="diverged", cell=right.cell)
    cell = Cell("nope", (right, gone))
    assert ends(cell) == [2.0, float("inf")]
    rates = profile(cell, [1.0, 2.0, 4.0])
    assert [rate and (rate.successes, rate.tried) for rate in rates] == [(1, 2), (1, 2), None]


def test_over_tasks_a_reach_is_that_of_its_own_sweep():
    """Lengths that another task was not evaluated at used to be missing from both."""
    one = [swept(seed, {5: 1.0, 10: 1.0, 20: 1.0, 40: 1.0}) for seed in range(2)]
    other = [swept(seed, {30: 1.0, 60: 1.0, 120: 0.2}, task="copy", train=30) for seed in range(2)]
    (cell,) = pooled(assemble([*one, *other], mixed=True).panels)
    assert reaches(cell, 0.9) == [40, 40, 60, 60]
    assert ends(cell) == [4.0] * 4
    rates = profile(cell, [2.0, 4.0])
    assert [rate.successes for rate in rates] == [4, 2]


@pytest.mark.parametrize("threshold", [0.9, 0.99])
def test_a_threshold_that_no_seed_meets_is_a_share_of_zero(threshold):
    cell = Cell("nope", (swept(0, {5: 0.5, 10: 0.4}),))
    assert [rate.share for rate in profile(cell, [0.5, 1.0], threshold)] == [0.0, 0.0]
