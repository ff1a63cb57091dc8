"""The layout of figures: title, legend, axes and footnote, as wide as one or two columns of a paper."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from lengen.records.atomic import whole
from lengen.report.colour import GREY
from lengen.report.lines import DOTS, wrap
from lengen.report.lines import width as dots
from lengen.report.paper import COLUMN, Paper

LEFT, RIGHT, EDGE = 0.42, 0.10, 0.08
"""Inches: margins left and right of the axes, and of text across the whole figure."""
PLOT, BELOW = 1.5, 0.36
"""Inches: height of the axes, and of the space for ticks and label below them."""
TITLE, ENTRY, FOOTNOTE = 0.15, 0.115, 0.104
"""Inches: height of a line of the title, of the legend and of the footnote."""
TYPE = 6
"""Points: font size of the legend and of everything else that is small; no text is smaller."""
LABEL = 7
"""Points: font size of the labels of axes."""
HANDLE, BEFORE, COLUMN_GAP = 2.0, 0.8, 1.2
"""In units of that size: width of a handle, space between handle and name, space between columns."""


class Sheet:
    """A figure with title, legend, a grid of axes, and a footnote.

    Args:
        title: title above the axes.
        footnote: note in small type below the axes.
        legend: handle and name of every entry.
        columns: maximum number of columns of the legend.
        plot: height of the grid of axes, in inches.
        strip: height of the free strip between legend and axes, in inches.
        left: left margin of the axes, in inches.
        right: right margin of the axes, in inches.
        indent: left margin of title and legend, in inches.
        paper: where it is printed.
        width: width of the figure, in inches; None is one column of the paper.
        rows: number of rows of axes; `across` is the number of columns.
        gap: space between axes, vertical and horizontal, in inches.
        below: height of the space for ticks and label below the axes, in inches.
    """

    def __init__(
        self,
        title: str,
        footnote: str,
        legend: Sequence[tuple[Line2D, str]] = (),
        *,
        columns: int = 3,
        plot: float = PLOT,
        strip: float = 0.0,
        left: float = LEFT,
        right: float = RIGHT,
        indent: float = EDGE,
        paper: Paper = COLUMN,
        width: float | None = None,
        rows: int = 1,
        across: int = 1,
        gap: tuple[float, float] = (0.1, 0.1),
        below: float = BELOW,
    ) -> None:
        width = width or paper.width
        self.paper = paper
        titles = wrap(title, width - indent - EDGE, 8, "bold") if paper.title else []
        notes = wrap(footnote, width - 2 * EDGE, TYPE) if paper.note else []
        names, columns = arrange([name for _, name in legend], columns, width - indent - EDGE)
        entries = sum(name.count("\n") + 1 for name in names[: -(-len(names) // columns)])
        head = 0.08 + TITLE * len(titles) + ENTRY * entries + (0.06 if entries else 0.0) + strip
        self.width, self.height = width, head + plot + below + 0.05 + FOOTNOTE * len(notes)
        self.title, self.footnote = title, footnote
        self.figure = Figure(figsize=(self.width, self.height), facecolor="white")
        self.canvas = FigureCanvasAgg(self.figure)
        inner = width - left - right
        down, aside = (plot - gap[0] * (rows - 1)) / rows, (inner - gap[1] * (across - 1)) / across
        self.grid: list[list[Axes]] = [
            [
                self._axes(left + column * (aside + gap[1]), head + row * (down + gap[0]), aside, down)
                for column in range(across)
            ]
            for row in range(rows)
        ]
        self._strip = (left, head - strip, inner, strip)
        self._inscribe(titles, notes, indent)
        if legend:
            self._legend([handle for handle, _ in legend], names, columns, indent, TITLE * len(titles))

    def _axes(self, left: float, top: float, width: float, height: float, **options: Any) -> Axes:
        """Add axes at a position in inches; `top` is measured from the upper edge of the figure."""
        box = (
            left / self.width,
            (self.height - top - height) / self.height,
            width / self.width,
            height / self.height,
        )
        return self.figure.add_axes(box, **options)

    def _inscribe(self, titles: Sequence[str], notes: Sequence[str], indent: float) -> None:
        """Write the title at the top and the footnote at the bottom."""
        line: dict[str, Any] = {"va": "top", "parse_math": False, "linespacing": 1.15}
        top, below = 1 - 0.05 / self.height, (FOOTNOTE * len(notes) + 0.02) / self.height
        self.figure.text(indent / self.width, top, "\n".join(titles), size=8, weight="bold", **line)
        self.figure.text(EDGE / self.width, below, "\n".join(notes), size=TYPE, color=GREY, **line)

    def _legend(
        self, handles: Sequence[Line2D], names: Sequence[str], columns: int, indent: float, titles: float
    ) -> None:
        """Draw the legend below the title, which is `titles` inches high."""
        legend = self.figure.legend(
            handles,
            names,
            loc="upper left",
            bbox_to_anchor=(indent / self.width, 1 - (0.06 + titles) / self.height),
            ncols=columns,
            fontsize=TYPE,
            frameon=False,
            borderaxespad=0,
            borderpad=0,
            handlelength=HANDLE,
            columnspacing=COLUMN_GAP,
            handletextpad=BEFORE,
            labelspacing=0.25,
        )
        for entry in legend.get_texts():
            entry.set_parse_math(False)

    @property
    def axes(self) -> Axes:
        """The first axes of the grid."""
        return self.grid[0][0]

    @cached_property
    def strip(self) -> Axes:
        """Axes without a frame in the strip; they share the x axis of the first axes."""
        axes = self._axes(*self._strip, sharex=self.axes)
        axes.axis("off")
        return axes

    def write(self, stem: Path) -> list[Path]:
        """Write a file per format of the paper, atomically, and return their paths.

        Args:
            stem: path without its suffix.
        """
        paths = self.paper.files(stem)
        for path in paths:
            self.save(path)
        return paths

    def save(self, path: Path) -> None:
        """Write one file, atomically; the same data give the same bytes. Text stays text in SVG and PDF, in TrueType.

        Args:
            path: path that ends in `.png`, `.svg` or `.pdf`, in an existing folder.
        """
        kind = path.suffix.removeprefix(".")
        told = {"Title": self.title, "Subject" if kind == "pdf" else "Description": self.footnote}
        undated: dict[str, None] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind, {})
        with (
            whole(path) as temporary,
            rc_context({"svg.hashsalt": "lengen", "svg.fonttype": "none", "pdf.fonttype": 42}),
        ):
            self.figure.savefig(temporary, format=kind, dpi=DOTS, metadata=told | undated)


def arrange(names: Sequence[str], columns: int, inches: float) -> tuple[list[str], int]:
    """Arrange the names of a legend in as many columns as fit; in a single column, long names are broken into lines.

    Args:
        names: names from top to bottom, column by column.
        columns: maximum number of columns.
        inches: width of the legend.
    """
    handle, between = (HANDLE + BEFORE) * TYPE / 72, COLUMN_GAP * TYPE / 72
    widths = np.array([dots(name, TYPE, "normal") / DOTS for name in names])
    for count in range(columns, 1, -1):
        widest = sum(part.max(initial=0) for part in np.array_split(widths, count))
        if widest + count * handle + (count - 1) * between <= inches:
            return list(names), count
    return ["\n".join(wrap(name, inches - handle, TYPE)) for name in names], 1
