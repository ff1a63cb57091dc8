"""The figure of several numbers of loops: exact match over length, a curve for each, as wide as a column of a paper."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib import colormaps
from matplotlib.lines import Line2D

from lengen.records.curve import Curve
from lengen.report.axes import length_axis
from lengen.report.colour import GREY, MARKERS, SHADE
from lengen.report.paper import COLUMN, Paper
from lengen.report.sheet import LABEL, LEFT, Sheet

MAP, LIGHTEST = "viridis", 0.85
"""Colours of numbers, from few loops (dark) to many, and where on the map the last of them is."""


def draw(
    curves: Mapping[str, Curve],
    path: Path,
    *,
    title: str,
    footnote: str,
    trained: bool = True,
    paper: Paper = COLUMN,
) -> None:
    """Draw the curves and write the figure, atomically.

    Numbers get colours in their order; what is no number, such as `length`, is grey and dashed.

    Args:
        curves: one curve for each number of loops.
        path: path of the file, in an existing folder.
        title: title above the axes.
        footnote: the protocol, in small type below the axes.
        trained: False marks the figure as NOT TRAINED.
        paper: where it is printed.
    """
    looks = _looks([*curves])
    legend = [(Line2D([], [], **look), f"loops={name}") for name, look in looks.items()]
    head = title if trained else f"NOT TRAINED: {title}"
    sheet = Sheet(head, footnote, legend, columns=4, indent=LEFT, paper=paper)
    axes, first = sheet.axes, next(iter(curves.values())).rows[0]
    length_axis(axes, next(iter(curves.values())).lengths, first.train_length)
    axes.set_ylabel("exact match", size=LABEL, labelpad=2)
    axes.axvspan(axes.get_xlim()[0], first.train_length, color=SHADE, linewidth=0, zorder=0)
    for name, curve in curves.items():
        rows = curve.rows
        low, high = [row.ci_low for row in rows], [row.ci_high for row in rows]
        axes.fill_between(curve.lengths, low, high, color=looks[name]["color"], alpha=0.12, linewidth=0)
        axes.plot(curve.lengths, [row.exact_match for row in rows], **looks[name], clip_on=False, zorder=3)
    sheet.save(path)


def _looks(names: list[str]) -> dict[str, dict[str, Any]]:
    """Return the look of each curve."""
    numbers = sorted((name for name in names if name.isdecimal()), key=int)
    looks = {}
    for index, name in enumerate(names):
        place = numbers.index(name) / max(len(numbers) - 1, 1) if name in numbers else None
        looks[name] = {
            "color": GREY if place is None else colormaps[MAP](LIGHTEST * place),
            "linestyle": "--" if place is None else "-",
            "marker": MARKERS[index % len(MARKERS)],
            "linewidth": 1.0,
            "markersize": 2.8,
            "markeredgewidth": 0,
        }
    return looks
