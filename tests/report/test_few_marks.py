"""A logarithmic axis has labels, whatever part of a decade it shows."""

import pytest
from matplotlib.figure import Figure

from lengen.report.axes import LABELS, FewMarks
from lengen.report.vertical import Vertical


@pytest.mark.parametrize(
    ("low", "high"), [(0.9, 8.6), (1, 1e6), (3.1, 3.9), (20, 70), (1e-4, 2e-1), (95, 480)]
)
def test_numbers_in_sight(low, high):
    marks = [mark for mark in FewMarks().tick_values(low, high) if low <= mark <= high]
    assert LABELS <= len(marks) <= 9
    assert marks == sorted(set(marks))


def test_seconds_are_labelled_with_plain_numbers():
    figure = Figure()
    axes = figure.add_subplot()
    axes.plot([10, 20], [0.0009, 0.0086])
    Vertical("seconds").set(axes)
    figure.canvas.draw()
    low, high = axes.get_ylim()
    shown = [label.get_text() for label in axes.get_yticklabels()]
    seen = [text for text, place in zip(shown, axes.get_yticks(), strict=True) if low <= place <= high]
    assert len(seen) >= LABELS
    assert all(float(text) > 0 for text in seen)
