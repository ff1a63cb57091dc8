"""The heat map of a stress grid: exact match by length and by the value of a stress set, as wide as a column of a paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from lengen.records.curve import Curve
from lengen.report.axes import columns, upright
from lengen.report.colour import ALARM, GREY
from lengen.report.lines import DOTS
from lengen.report.lines import width as dots
from lengen.report.paper import COLUMN, Paper
from lengen.report.sheet import BELOW, EDGE, LEFT, RIGHT, TITLE, TYPE, Sheet
from lengen.statistics.formats import short

CELL, ABOVE, BAR = 0.16, 0.14, 0.42
"""Inches: height of a row, of the strip that marks trained lengths, and width of the colour bar."""
MAP = "cividis"
"""Colour map: dark is wrong and light is right, also in greyscale and for colour-blind readers."""
NUMBERS = 11
"""With more columns than this, values are not printed."""


def draw(
    values: Mapping[str, Sequence[float]],
    path: Path,
    *,
    lengths: tuple[int, ...],
    train_length: int,
    word: str,
    title: str,
    footnote: str,
    trained: bool = True,
    paper: Paper = COLUMN,
) -> None:
    """Draw a grid and write it, atomically.

    Args:
        values: exact match by length, for each value; NaN is left white; the first is the lowest row.
        path: path of the file, in an existing folder.
        lengths: at least one.
        train_length: the trained length.
        word: name of the values, such as `depth`; empty if they are names, each of which is written.
        title: title above the axes.
        footnote: the protocol, in small type below the axes.
        trained: False marks the figure as NOT TRAINED.
        paper: where it is printed.

    Raises:
        ValueError: the rows differ in their lengths.
    """
    exact = np.array(list(values.values()))
    plot = max(CELL * len(values), 0.6)
    strip = ABOVE + (0 if trained else TITLE)
    left = LEFT if word else max(dots(name, TYPE, "normal") for name in values) / DOTS + 2 * EDGE
    side = (paper.width - left - RIGHT - BAR) / len(lengths)
    sheet = Sheet(
        title,
        footnote,
        plot=plot,
        strip=strip,
        left=left,
        right=RIGHT + BAR,
        indent=LEFT if word else EDGE,
        below=BELOW + upright(lengths, side),
        paper=paper,
    )
    axes = sheet.axes
    image = axes.imshow(
        exact, origin="lower", aspect="auto", cmap=MAP, vmin=0, vmax=1, interpolation="nearest"
    )
    _ticks(axes, list(values), lengths, train_length, word)
    _trained(axes, lengths, train_length, plot)
    if len(lengths) <= NUMBERS:
        _numbers(axes, exact)
    box = axes.get_position()
    beside = sheet.figure.add_axes((box.x1 + 0.1 / sheet.width, box.y0, 0.07 / sheet.width, box.height))
    bar = sheet.figure.colorbar(image, cax=beside, ticks=[0, 0.5, 1])
    bar.ax.tick_params(labelsize=6, length=2, width=0.5, pad=2)
    bar.outline.set_linewidth(0.4)
    if not trained:
        top = box.y1 + strip / sheet.height
        sheet.figure.text(box.x0, top, "NOT TRAINED", size=7, weight="bold", color=ALARM, va="top")
    sheet.save(path)


def of_curves(values: Mapping[str, Curve], path: Path, **options: Any) -> None:
    """Draw the curves of a grid.

    Args:
        values: one curve per value, all over the same lengths; the first is the lowest row.
        path: path of the file, in an existing folder.
        options: the others of `draw`.

    Raises:
        ValueError: the curves differ in their lengths, or have none.
    """
    spans = {curve.lengths for curve in values.values()}
    if len(spans) != 1 or not (lengths := spans.pop()):
        raise ValueError(f"a grid needs curves over the same lengths, got {sorted(map(list, spans))}")
    exact = {name: [row.exact_match for row in curve.rows] for name, curve in values.items()}
    train_length = next(iter(values.values())).rows[0].train_length
    draw(exact, path, lengths=lengths, train_length=train_length, **options)


def _ticks(axes: Axes, values: list[str], lengths: tuple[int, ...], train: int, word: str) -> None:
    """Label values and lengths, as many as fit."""
    inches = axes.get_position().width * axes.get_figure(root=True).get_figwidth()  # type: ignore[union-attr]
    columns(axes, lengths, train, inches / len(lengths))
    every = -(-len(values) // 14) if word else 1
    axes.set_yticks(list(range(0, len(values), every)), values[::every])
    axes.set_xlabel("length", size=7, labelpad=2)
    axes.set_ylabel(word, size=7, labelpad=2)
    axes.tick_params(labelsize=6, length=2, width=0.5, pad=2)
    axes.spines[:].set_visible(False)


def _trained(axes: Axes, lengths: tuple[int, ...], train_length: int, plot: float) -> None:
    """Draw a bar above the trained lengths, and a rule where they end."""
    columns = sum(length <= train_length for length in lengths)
    if not columns:
        return
    edge, top = columns / len(lengths), 1 + 0.02 / plot
    axes.add_patch(
        Rectangle(
            (0, top), edge, 0.03 / plot, transform=axes.transAxes, color=GREY, clip_on=False, linewidth=0
        )
    )
    over: dict[str, Any] = {"size": TYPE, "color": GREY, "va": "bottom", "transform": axes.transAxes}
    axes.text(0, 1 + 0.055 / plot, f"trained: 1 to {train_length}", **over)
    if columns < len(lengths):
        axes.axvline(columns - 0.5, color="white", linewidth=1.6)
        axes.axvline(columns - 0.5, color="black", linewidth=0.7, linestyle=(0, (3, 2)))


def _numbers(axes: Axes, exact: Any) -> None:
    """Print exact match in every square that has one."""
    for row, column in np.argwhere(~np.isnan(exact)):
        share = exact[row, column]
        tint = "black" if share > 0.55 else "white"  # noqa: PLR2004
        axes.text(column, row, short(share), size=TYPE, ha="center", va="center_baseline", color=tint)
