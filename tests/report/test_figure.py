"""The figure: a whole PNG or none, every word inside it and on no other, and the reaches where they are."""

import errno
import os
import subprocess
import sys
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.transforms import Bbox
from PIL import Image

from lengen.records.curve import Curve
from lengen.records.error_law import ErrorLaw
from lengen.report import figure
from lengen.report.colour import colour
from lengen.report.lines import wrap
from lengen.report.sheet import Sheet
from report.curves import curve

FOOTNOTE = (
    "tiny decoder, adamw, 5000 steps, fresh data, seed 0; last checkpoint; 1000 examples per length, teacher-forced, end token "
    "scored; 95% Clopper-Pearson; ID exact match 0.998"
)
LONG = "a long title, of a $task with_many_words$, that needs more than a line and then some"
CURVES = {
    "one length": curve({20: 0.93}, examples=50),
    "one length, the trained one": curve({10: 1.0}),
    "ends near the train length": curve({8: 1.0, 9: 1.0, 120: 0.5, 125: 0.1}, train_length=9),
    "two lengths": curve({10: 1.0, 11: 0.0}),
    "a few": curve({5: 1.0, 10: 1.0, 12: 1.0, 15: 0.999, 20: 0.5, 25: 0.0, 30: 0.0}, pe="rope"),
    "doublings": curve(
        {5: 0.7, 10: 0.55, 20: 0.1, 40: 0.0, 80: 0.0, 160: 0.0, 320: 0.0, 640: 0.0},
        train_length=20,
        pe="alibi",
    ),
    "all right": curve(dict.fromkeys((16, 32, 64, 128, 256, 512, 1024), 1.0), train_length=64, pe="learned"),
    "each up to forty": curve({length: 1 / (1 + 1.6 ** (length - 26)) for length in range(1, 41)}),
    "each up to two hundred": curve(
        {length: 1 - length / 200 for length in range(1, 201)}, pe="an encoding of tomorrow"
    ),
    "far beyond": curve({5000: 0.4, 100_000: 0.1}, pe="t5"),
    "all within": curve({1: 1.0, 2: 1.0, 3: 1.0, 16: 1.0}, train_length=100_000),
    "near chance": curve({10: 0.9, 20: 0.6, 40: 0.5}, chance_exact_match=0.5),
    "a zigzag": curve({length: length % 2 for length in range(4, 31)}, pe="sinusoidal"),
}


@pytest.fixture
def drawn(tmp_path, monkeypatch):
    """Draw, and keep the figure instead of writing it."""

    def draw(curve: Curve, *, title: str = "addition, nope", trained: bool = True):
        kept = []
        monkeypatch.setattr(Sheet, "save", lambda sheet, _: kept.append(sheet.canvas))
        figure.draw(curve, tmp_path / "figure.png", title=title, footnote=FOOTNOTE, trained=trained)
        monkeypatch.undo()
        kept[0].figure.set_dpi(300)
        kept[0].draw()
        return kept[0].figure

    return draw


def words(picture) -> list[tuple[str, Bbox]]:
    """Every text that is seen, and the box that it takes."""
    below, above = picture.axes
    texts = [
        *picture.texts,
        *picture.legends[0].get_texts(),
        *below.texts,
        *above.texts,
        below.xaxis.label,
        below.yaxis.label,
    ]
    for axis in (below.xaxis, below.yaxis):
        low, high = sorted(axis.get_view_interval())
        texts += [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
    return [(text.get_text().strip(), box_of(text)) for text in texts]


def box_of(text) -> Bbox:
    """The box of a text; of the last line where those above it are empty."""
    box, lines = text.get_window_extent(), text.get_text().split("\n")
    return Bbox([[box.x0, box.y0], [box.x1, box.y0 + box.height / len(lines)]]) if not lines[0] else box


@pytest.mark.parametrize("name", CURVES)
@pytest.mark.parametrize(("trained", "title"), [(True, LONG), (False, "copy, nope")])
def test_every_word_is_inside_and_on_no_other(drawn, name, trained, title):
    picture = drawn(CURVES[name], title=title, trained=trained)
    found = words(picture)
    assert len(found) >= 12
    for text, box in found:
        assert min(box.x0, box.y0) >= 0, text
        assert box.x1 <= picture.bbox.x1, text
        assert box.y1 <= picture.bbox.y1, text
    for (one, here), (other, there) in combinations(found, 2):
        apart = here.x1 <= there.x0 or there.x1 <= here.x0 or here.y1 <= there.y0 or there.y1 <= here.y0
        assert apart, f"{one} is on {other}"
    assert ("NOT TRAINED" in [text for text, _ in found]) is not trained


def test_shares_of_failures_are_stacked(drawn):
    """At the bottom of the strip: of all answers, at each length, and no colour for what does not occur."""
    right = curve({10: 1.0, 20: 0.5}, stopped_early=0, ran_on=0, never_ended=0, wrong_token=0)
    failing = replace(right.rows[1], stopped_early=300, never_ended=200)
    picture = drawn(Curve((right.rows[0], failing)))
    names = [text.get_text() for text in picture.legends[0].get_texts()]
    assert names == ["exact match, 95% interval", "token accuracy", "stopped early", "never ended"]
    _, above = picture.axes
    heights = [
        np.ptp(part.get_paths()[0].vertices[part.get_paths()[0].vertices[:, 0] == 20, 1])
        for part in above.collections[-2:]
    ]
    assert heights[0] / heights[1] == pytest.approx(1.5)
    earlier = dict.fromkeys(("stopped_early", "ran_on", "never_ended", "wrong_token"))
    plain = drawn(curve({10: 1.0, 20: 0.5}, **earlier))
    assert len(plain.legends[0].get_texts()) == 2
    assert not plain.axes[1].collections


def test_chance_is_a_dotted_line_where_it_matters(drawn):
    halves = curve({5: 1.0, 10: 0.9, 20: 0.5})
    levels = [0.75, 0.009, None]
    rows = [replace(row, chance_exact_match=level) for row, level in zip(halves.rows, levels, strict=True)]
    picture = drawn(Curve(tuple(rows)))
    (line,) = [line for line in picture.axes[0].lines if line.get_linestyle() == ":"]
    assert line.get_xdata().tolist() == [5, 10, 20]
    assert line.get_ydata()[:2].tolist() == [0.75, 0.009]
    assert np.isnan(line.get_ydata()[2])
    assert "chance, exact match" in [text.get_text() for text in picture.legends[0].get_texts()]
    for level in (0.01, None):  # not above 0.01, or a curve of an earlier version
        picture = drawn(curve({5: 1.0, 10: 0.9}, chance_exact_match=level))
        assert not [line for line in picture.axes[0].lines if line.get_linestyle() == ":"]


def test_the_error_law_is_a_thin_line_behind_the_curve(tmp_path, monkeypatch):
    kept = []
    monkeypatch.setattr(Sheet, "save", lambda sheet, _: kept.append(sheet))
    found = curve({5: 1.0, 10: 0.9, 20: 0.5})
    law = ErrorLaw("power", "", predicted={5: 0.99, 10: 0.91, 20: 0.5})
    none = ErrorLaw(None, "curve is a step")
    for each in (law, none, None):
        figure.draw(found, tmp_path / "figure.png", title="copy, nope", footnote=FOOTNOTE, law=each)
    named = [[text.get_text() for text in sheet.figure.legends[0].get_texts()] for sheet in kept]
    assert ["error law: power" in names for names in named] == [True, False, False]
    assert [len(sheet.axes.lines) for sheet in kept] == [3, 2, 2]
    line = next(line for line in kept[0].axes.lines if list(line.get_ydata()) == [0.99, 0.91, 0.5])
    exact = next(line for line in kept[0].axes.lines if list(line.get_ydata()) == [1.0, 0.9, 0.5])
    assert line.get_linewidth() < exact.get_linewidth() / 2
    assert line.get_zorder() < exact.get_zorder()


def test_title_and_footnote_are_whole(drawn):
    shown = [" ".join(text.get_text().split()) for text in drawn(CURVES["a few"], title=LONG).texts]
    assert shown == [LONG, FOOTNOTE]


@pytest.mark.parametrize("name", CURVES)
def test_lines_band_and_reaches_are_those_of_the_curve(drawn, name):
    curve = CURVES[name]
    below, above = drawn(curve).axes
    exact, accuracy = (line for line in below.lines if line.get_linestyle() != ":")
    assert list(exact.get_xdata()) == list(accuracy.get_xdata()) == list(curve.lengths)
    assert list(exact.get_ydata()) == [row.exact_match for row in curve.rows]
    assert list(accuracy.get_ydata()) == [row.token_accuracy for row in curve.rows]
    assert to_hex(exact.get_color()).upper() == colour(curve.rows[0].pe).upper()
    band = {tuple(point) for point in below.collections[0].get_paths()[0].vertices.tolist()}
    assert {(row.length, bound) for row in curve.rows for bound in (row.ci_low, row.ci_high)} <= band
    train = curve.rows[0].train_length
    examples, ended = curve.rows[0].examples, {curve.lengths[-1]: f">= {curve.lengths[-1]}"}
    reaches = [
        f"reach {threshold:.2f}: {ended.get(length, length) or ('not measurable' if examples < needed else 'none')}"
        for (threshold, length), needed in zip(curve.reaches.items(), (36, 72, 368), strict=True)
    ]
    assert [text.get_text() for text in above.texts] == [f"trained: {train}", *reaches]
    marks = [line.get_xdata()[0] for line in above.lines if len(line.get_xdata()) == 1]
    assert marks == [train, *(length for length in curve.reaches.values() if length is not None)]
    for axes in (below, above):
        assert axes.patches[0].get_extents().x1 == pytest.approx(axes.transData.transform((train, 0))[0])


@pytest.mark.parametrize("name", CURVES)
def test_axes_hold_everything_and_ticks_are_plain_numbers(drawn, name):
    curve = CURVES[name]
    below, _ = drawn(curve).axes
    low, high = below.get_xlim()
    assert low < min(*curve.lengths, curve.rows[0].train_length)
    assert high > max(*curve.lengths, curve.rows[0].train_length)
    assert below.get_ylim()[0] <= 0
    assert 1 <= below.get_ylim()[1] <= 1.1
    assert below.get_xscale() == ("log" if curve.lengths[-1] >= 8 * curve.lengths[0] else "linear")
    shown = [tick for tick in below.xaxis.get_major_ticks() if low <= tick.get_loc() <= high]
    assert len(shown) >= 1
    assert all(tick.label1.get_text().strip() == f"{tick.get_loc():.0f}" for tick in shown)
    labelled = {tick.get_loc() for tick in shown}
    assert {curve.lengths[0], curve.lengths[-1], curve.rows[0].train_length} <= labelled


def test_the_file_is_a_png_as_wide_as_a_column_with_its_protocol(tmp_path):
    path = tmp_path / "figure.png"
    figure.draw(CURVES["a few"], path, title="addition, größer", footnote=FOOTNOTE)
    with Image.open(path) as image:
        image.load()
        assert image.format == "PNG"
        assert image.size[0] == 1020
        assert image.size[0] / image.info["dpi"][0] == pytest.approx(3.4, rel=1e-3)
        assert (image.info["Title"], image.info["Description"]) == ("addition, größer", FOOTNOTE)
        assert len(image.convert("RGB").getcolors(1 << 20)) > 50
    assert [file.name for file in tmp_path.iterdir()] == ["figure.png"]


def test_the_same_curve_is_the_same_file(tmp_path):
    for name in ("a.png", "b.png"):
        figure.draw(CURVES["a few"], tmp_path / name, title="t", footnote=FOOTNOTE, trained=False)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_a_full_disk_leaves_the_old_figure_and_no_part(tmp_path, monkeypatch):
    path = tmp_path / "figure.png"
    path.write_text("old")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    monkeypatch.setattr(type(path), "replace", full)
    with pytest.raises(OSError, match="No space left"):
        figure.draw(CURVES["a few"], path, title="t", footnote="")
    monkeypatch.undo()
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["figure.png"]


def test_a_curve_without_rows_is_refused(tmp_path):
    with pytest.raises(ValueError, match="at least one length"):
        figure.draw(Curve(), tmp_path / "figure.png", title="t", footnote="")


def test_lines_fit_and_lose_no_word():
    text = "some words and averyveryveryverylongone, " * 5 + "\nand a second paragraph"
    lines = wrap(text, 1.0, 6)
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert lines[-1].endswith("paragraph")
    assert wrap("", 1.0, 6) == []
    assert wrap("one line", 3.0, 6) == ["one line"]
    assert wrap("ab", 1e-6, 6) == ["a", "b"]


@pytest.mark.whole_run
def test_drawing_needs_neither_torch_nor_pyplot():
    program = (
        "import sys, lengen.report.figure, lengen.report.terminal\n"
        "assert not {'torch', 'matplotlib.pyplot', 'wandb'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True, timeout=60)
