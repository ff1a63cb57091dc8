"""A sheet's legend: whole names, beside each other where they fit."""

import pytest
from matplotlib.lines import Line2D

from lengen.report.paper import Paper
from lengen.report.sheet import Sheet

LONG = "nope, asentmax (steps=400, attention.delta=0.307) (3 seeds, 2 trained)"
LONGEST = (
    f"{LONG}, and whatever else a cell may be told apart by, such as decoder.heads=16 and decoder.dim=512"
)


@pytest.mark.parametrize(
    ("names", "columns"),
    [
        (["nope", "rope", "alibi"], 3),
        ([LONG[:22]] * 4, 2),
        (["nope", LONG, "rope", LONG], 1),
        ([LONGEST, "nope", LONGEST], 1),
        ([f"encoding_{index}, softmax (5 seeds)" for index in range(12)], 2),
    ],
)
def test_every_name_is_whole_and_on_no_other(names, columns):
    sheet = Sheet("copy", "a note", [(Line2D([], []), name) for name in names])
    sheet.canvas.draw()
    renderer = sheet.canvas.get_renderer()
    (legend,) = sheet.figure.legends
    assert legend._ncols == columns
    texts = legend.get_texts()
    assert [text.get_text().replace("\n", " ") for text in texts] == names
    boxes = [text.get_window_extent(renderer) for text in texts]
    assert all(box.x0 >= 0 and box.x1 <= sheet.figure.bbox.x1 for box in boxes)
    assert not any(one.overlaps(other) for index, one in enumerate(boxes) for other in boxes[:index])
    top = sheet.axes.get_window_extent(renderer).y1
    assert all(box.y0 >= top for box in boxes)


def test_title_and_note_can_be_left_to_a_caption():
    plain, bare = (Sheet("copy", "a note", paper=Paper(title=shown, note=shown)) for shown in (True, False))
    assert [text.get_text() for text in plain.figure.texts] == ["copy", "a note"]
    assert not any(text.get_text() for text in bare.figure.texts)
    assert bare.height < plain.height
    assert (bare.title, bare.footnote) == ("copy", "a note")  # of the description of the file
