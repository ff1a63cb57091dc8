"""The figure of a read-out: panels of lines under one legend, as wide as one or two columns of a paper."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, Locator, MaxNLocator

from lengen.report.axes import plain
from lengen.report.colour import DISTINCT, GREY, SHADE
from lengen.report.paper import COLUMN, Paper
from lengen.report.sheet import LABEL, LEFT, TYPE, Sheet

PLOT, NAME, ASIDE, DOWN = 1.15, 0.16, 0.42, 0.52
"""Inches: height of a panel, of the name above it, space between panels beside each other and below each other."""
SIDE, ACROSS = 2, 4
"""Panels beside each other in a figure of one column, and in a wide one."""
SHARES = (0, 0.25, 0.5, 0.75, 1)
"""Ticks of an axis of shares."""
APART = 0.15
"""Share of an axis that two labels of it need between them."""
MARKED = 24
"""Most points of a line that are marked."""


@dataclass(frozen=True)
class Line:
    """A line of a panel.

    Args:
        label: its name in the legend; lines of one name look the same in all panels.
        x: places.
        y: values.
        grey: whether it is a reference, drawn in dashed grey.
        low: least values, as the lower edge of a band around the line; none where there is no band.
        high: largest values.
    """

    label: str
    x: Sequence[float]
    y: Sequence[float]
    grey: bool = False
    low: Sequence[float] = ()
    high: Sequence[float] = ()


@dataclass(frozen=True)
class Panel:
    """A panel.

    Args:
        title: name above the panel.
        across: label of the horizontal axis.
        up: label of the vertical axis.
        lines: its lines.
        share: whether values lie in [0, 1], which the axis then shows whole.
        trained: largest place that was trained; everything up to it is shaded.
    """

    title: str
    across: str
    up: str
    lines: Sequence[Line]
    share: bool = False
    trained: float | None = None


def draw(panels: Sequence[Panel], path: Path, *, title: str, footnote: str, paper: Paper = COLUMN) -> None:
    """Draw panels and write the figure, atomically.

    Args:
        panels: at least one; two are as wide as a column of the paper, more as wide as two columns.
        path: path of the file, in an existing folder.
        title: title above the panels.
        footnote: note in small type below them.
        paper: where it is printed.
    """
    lines = [line for panel in panels for line in panel.lines]
    looks = _looks(lines)
    wide = len(panels) > SIDE
    beside = min(len(panels), ACROSS if wide else SIDE)
    rows = -(-len(panels) // beside)
    sheet = Sheet(
        title,
        footnote,
        [(Line2D([], [], **look), label) for label, look in looks.items()],
        columns=6 if wide else 3,
        plot=PLOT * rows + DOWN * (rows - 1),
        strip=NAME,
        indent=LEFT,
        across=beside,
        rows=rows,
        gap=(DOWN, ASIDE),
        paper=paper,
        width=paper.double if wide else None,
    )
    places = [axes for row in sheet.grid for axes in row]
    for axes, panel in zip(places, panels, strict=False):
        for line in panel.lines:
            look = looks[line.label] | ({"marker": ""} if len(line.x) > MARKED else {})
            axes.plot(line.x, line.y, **look, clip_on=not panel.share)
            if line.low:
                axes.fill_between(line.x, line.low, line.high, color=look["color"], alpha=0.15, linewidth=0)
        if panel.share:
            axes.set_ylim(-0.03, 1.03)
        if panel.trained is not None:
            low, high = axes.get_xlim()
            axes.axvspan(low, panel.trained, color=SHADE, linewidth=0, zorder=0)
            axes.set_xlim(low, high)
        axes.xaxis.set_major_locator(_across(sorted({value for line in panel.lines for value in line.x})))
        axes.yaxis.set_major_locator(FixedLocator(SHARES) if panel.share else MaxNLocator(4))
        axes.set_title(panel.title, size=TYPE, loc="left", pad=2)
        axes.set_xlabel(panel.across, size=LABEL, labelpad=2)
        axes.set_ylabel(panel.up, size=LABEL, labelpad=2)
        plain(axes)
    for axes in places[len(panels) :]:
        axes.axis("off")
    sheet.save(path)


def _across(values: Sequence[float]) -> Locator:
    """Ticks at the values themselves where these are few and apart, such as evaluated lengths; else at round numbers."""
    whole = all(float(value).is_integer() for value in values)
    apart = min((b - a for a, b in pairwise(values)), default=0) > APART * (values[-1] - values[0])
    return FixedLocator(values) if whole and apart else MaxNLocator(4, integer=whole)


def _looks(lines: Sequence[Line]) -> dict[str, dict[str, Any]]:
    """Return the look of each label, in the order in which they occur."""
    grey = {line.label for line in lines if line.grey}
    looks: dict[str, dict[str, Any]] = {}
    for label in dict.fromkeys(line.label for line in lines):
        tint, mark = DISTINCT[sum(other not in grey for other in looks) % len(DISTINCT)]
        looks[label] = {
            "label": label,
            "color": GREY if label in grey else tint,
            "linestyle": "--" if label in grey else "-",
            "marker": "" if label in grey else mark,
            "linewidth": 1.0,
            "markersize": 2.6,
            "markeredgewidth": 0,
        }
    return looks
