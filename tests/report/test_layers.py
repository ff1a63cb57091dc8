"""The figure of attention distances."""

import pytest

from lengen.report import layers
from lengen.report.sheet import Sheet

OTHERS = (
    ("rope", "contiguous"),
    ("alibi", "contiguous"),
    ("t5", "randomized"),
    ("learned", "offset"),
    ("an_encoding_with_a_long_name", "randomized"),
)


def rows(others, lengths=(5, 10, 20)):
    """Distances of two seeds of each other run, two layers, at some lengths."""
    return [
        {
            "against_pe": pe,
            "against_positions": positions,
            "against_cell": f"{pe}-cell",
            "against_seed": seed,
            "loop": 1,
            "layer": layer,
            "length": length,
            "split": "id" if length <= 10 else "ood",
            "distance": 0.1 * layer + 0.01 * seed,
        }
        for pe, positions in others
        for seed in (0, 1)
        for length in lengths
        for layer in (1, 2)
    ]


@pytest.mark.parametrize("others", [OTHERS[:1], OTHERS[:3], OTHERS])
def test_every_name_of_the_legend_is_inside_and_stands_once(tmp_path, monkeypatch, others):
    kept = []
    monkeypatch.setattr(Sheet, "save", lambda sheet, _: kept.append(sheet))
    layers.draw(rows(others), tmp_path / "distance.png", title="copy, nope", footnote="a note")
    (sheet,) = kept
    sheet.canvas.draw()
    (legend,) = sheet.figure.legends
    names = [pe if positions == "contiguous" else f"{pe}, {positions}" for pe, positions in others]
    labels = [f"against {name}, seed {seed}" for name in names for seed in (0, 1)]
    assert [text.get_text().replace("\n", " ") for text in legend.get_texts()] == labels
    drawn = [(line.get_label(), line.get_color(), str(line.get_linestyle())) for line in sheet.axes.lines]
    assert sorted(label for label, _, _ in drawn) == sorted(labels)
    assert len({look[1:] for look in drawn}) == len(labels)
    for text in legend.get_texts():
        box = text.get_window_extent()
        assert box.x0 >= 0
        assert box.x1 <= sheet.figure.bbox.x1
        assert box.y0 >= sheet.axes.get_window_extent().y1
    first, last = sheet.grid[0]
    assert [axes.get_title(loc="left") for axes in (first, last)] == ["length 5 (ID)", "length 20 (OOD)"]
    assert len(first.lines) == 2 * len(others)
