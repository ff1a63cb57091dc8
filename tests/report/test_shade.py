"""What is drawn in grey: lengths that all runs were trained on, and in light grey those that some were."""

import matplotlib.pyplot as plt
import pytest

from lengen.report.axes import length_axis, shade, shaded


@pytest.mark.parametrize(
    ("trains", "factor", "spans", "said"),
    [
        ((10,), False, [(None, 10)], "Grey: trained lengths."),
        ((10, 20), False, [(None, 10), (10, 20)], "Grey: trained lengths of all runs; light grey: of some."),
        (
            (10, 15, 20),
            False,
            [(None, 10), (10, 20)],
            "Grey: trained lengths of all runs; light grey: of some.",
        ),
        ((10, 20), True, [(None, 1)], "Grey: trained lengths."),
    ],
)
def test_only_what_all_were_trained_on_is_grey(trains, factor, spans, said):
    figure, axes = plt.subplots()
    length_axis(axes, [5, 10, 20, 40], 20, 20 if factor else 1)
    left = axes.get_xlim()[0]
    shade(axes, trains, factor=factor)
    drawn = [(patch.get_x(), patch.get_x() + patch.get_width()) for patch in axes.patches]
    assert drawn == [(left if start is None else start, pytest.approx(end)) for start, end in spans]
    assert len({patch.get_facecolor() for patch in axes.patches}) == len(spans)
    assert shaded(trains, factor=factor) == said
    plt.close(figure)
