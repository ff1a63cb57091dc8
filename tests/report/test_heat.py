"""The heat map of a grid."""

from __future__ import annotations

import pytest
from matplotlib.image import imread

from lengen.report import heat

from .curves import curve

GRID = {
    "0.00": curve({5: 1.0, 10: 0.998, 20: 0.5}),
    "0.50": curve({5: 0.0, 10: 0.25, 20: 0.75}),
    "1.00": curve({5: 1.0, 10: 1.0, 20: 1.0}),
}


def draw(path, values=GRID, **options):
    heat.of_curves(values, path, word="depth", title="passkey, nope", footnote="all of it", **options)


def test_every_cell_has_its_share_and_its_number(tmp_path, figures):
    draw(tmp_path / "grid.png")
    (figure,) = figures
    axes = figure.axes[0]
    assert axes.images[0].get_array().tolist() == [[1.0, 0.998, 0.5], [0.0, 0.25, 0.75], [1.0, 1.0, 1.0]]
    assert axes.images[0].origin == "lower"  # the first value is the lowest row, as its tick says
    assert [tick.get_text() for tick in axes.get_yticklabels()] == list(GRID)
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["5", "10", "20"]
    written = {text.get_position(): text.get_text() for text in axes.texts}
    assert written[1, 0] == ".99"  # cut, not rounded
    assert (written[0, 0], written[0, 1], written[2, 1]) == ("1", "0", ".75")
    assert "trained: 1 to 10" in written.values()
    assert {line.get_xdata()[0] for line in axes.lines} == {1.5}  # between 10 and 20


def test_light_is_right_also_in_grey(tmp_path):
    from matplotlib import colormaps

    red, green, blue, _ = colormaps[heat.MAP]([0, 64, 128, 192, 255]).T
    grey = 0.299 * red + 0.587 * green + 0.114 * blue
    assert all(grey[1:] > grey[:-1] + 0.1)


def test_it_is_as_wide_as_a_column_and_nothing_leaves_it(tmp_path, figures):
    many = {f"{index / 10:.2f}": curve(dict.fromkeys(range(1, 41), 0.5)) for index in range(11)}
    draw(tmp_path / "grid.png", many)
    height, width, _ = imread(tmp_path / "grid.png").shape
    assert width == round(3.4 * 300)
    (figure,) = figures
    for text in (*figure.texts, *figure.axes[0].texts):
        box = text.get_window_extent()
        assert box.x0 >= 0
        assert box.x1 <= width
        assert box.y1 <= height
    assert len(figure.axes[0].texts) == 1  # no numbers in 440 cells


def test_a_run_that_is_not_trained_says_so(tmp_path, figures):
    draw(tmp_path / "grid.png", trained=False)
    assert any(text.get_text() == "NOT TRAINED" for text in figures[0].texts)


def test_curves_of_different_lengths_are_refused(tmp_path):
    with pytest.raises(ValueError, match="same lengths"):
        draw(tmp_path / "grid.png", {"a": curve({5: 1.0}), "b": curve({6: 1.0})})
    assert not list(tmp_path.iterdir())
