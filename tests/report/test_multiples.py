"""Small multiples: every line of every task once, and nothing in print over anything else."""

from itertools import combinations

import pytest

from lengen.comparison.find_runs import find
from lengen.comparison.grouping import assemble
from lengen.report import multiples
from lengen.report.sheet import Sheet
from studies import write_run

SHARES = [1.0, 1.0, 0.6, 0.1]


@pytest.fixture
def sheets(monkeypatch):
    """The sheets that are drawn."""
    kept, write = [], Sheet.write
    monkeypatch.setattr(Sheet, "write", lambda sheet, stem: kept.append(sheet) or write(sheet, stem))
    return kept


def draw(root, names, repeats=("allowed",)):
    """Runs of copy; a panel for each of its options."""
    for option in repeats:
        for index, name in enumerate(names):
            write_run(root, 0, SHARES, pe=name, cell=f"c-{option}-{index}", task__repeats=option)
    return multiples.draw(assemble(find([str(root)])).panels, root / "all")


def shown(sheet):
    return [axes for row in sheet.grid for axes in row if axes.axison]


@pytest.mark.parametrize("count", [1, 3, 4, 9, 20])
def test_every_line_is_drawn_and_named(tmp_path, sheets, count):
    names = [f"encoding_{index:02}" for index in range(count)]
    assert [path.suffix for path in draw(tmp_path, names)] == [".png", ".svg"]
    (sheet,) = sheets
    assert ["".join(axes.get_title().split()) for axes in shown(sheet)] == [f"{name}(1/1)" for name in names]
    assert all(list(axes.lines[-1].get_ydata()) == SHARES for axes in shown(sheet))
    assert "first" not in sheet.footnote


@pytest.mark.whole_run
def test_what_is_left_out_is_said(tmp_path, sheets, monkeypatch):
    monkeypatch.setattr(multiples, "ROWS", 4)
    draw(tmp_path, [f"e{index}" for index in range(20)], ("allowed", "one"))
    (sheet,) = sheets
    assert len(shown(sheet)) == 2 * 16
    assert sheet.width <= 7
    assert "The first 16 cells of each task" in sheet.footnote


@pytest.mark.whole_run
@pytest.mark.parametrize("lengths", [None, (40, 60, 160, 500), (400, 1000, 2000, 16384)])
@pytest.mark.parametrize("name", ["a", "an_encoding_with_a_long_name", "of several words, each long enough"])
def test_nothing_overlaps(tmp_path, sheets, monkeypatch, name, lengths):
    if lengths:
        monkeypatch.setattr("studies.LENGTHS", lengths)
    draw(tmp_path, [f"{name} {index}" for index in range(9)], ("allowed", "one"))
    (sheet,) = sheets
    sheet.canvas.draw()
    renderer = sheet.canvas.get_renderer()
    boxes = [axes.title.get_window_extent(renderer) for axes in shown(sheet)]
    boxes += [axes.get_window_extent(renderer) for axes in shown(sheet)]
    for axes in shown(sheet):
        labels = [label.get_window_extent(renderer) for label in axes.get_xticklabels() if label.get_text()]
        assert not any(first.overlaps(second) for first, second in combinations(labels, 2))
        boxes += labels
    assert not any(first.overlaps(second) for first, second in combinations(boxes, 2))
