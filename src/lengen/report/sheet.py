"""A sheet: title, legend, axes and footnote of a figure, as wide as one or two columns of a paper."""

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

WIDTH, DOUBLE = 3.4, 7.0
"""Inches: one column of a two-column paper, and both."""
LEFT, RIGHT, EDGE = 0.42, 0.10, 0.08
"""Inches: the margins beside the axes, and those of text that is as wide as the figure."""
PLOT, BELOW = 1.5, 0.36
"""Inches: the height of the axes, and the room for ticks and label under them."""
TITLE, ENTRY, FOOTNOTE = 0.15, 0.115, 0.09
"""Inches: a line of the title, of the legend and of the footnote."""
TYPE = 6
"""Points: the size of the legend's type."""
HANDLE, BEFORE, COLUMN_GAP = 2.0, 0.8, 1.2
"""Parts of that size: a handle, the space between it and its name, and that between columns."""


class Sheet:
    """A figure with its margins; `axes` is what is drawn on.

    Args:
        title: above the axes.
        footnote: in small type under them.
        legend: a handle for every line to be named, and its name.
        columns: of the legend, fewer where its names are too long for so many.
        plot: inches, the height of the axes.
        strip: inches kept free between legend and axes.
        left: inches, the margin for labels on the left.
        right: inches, the margin on the right.
        indent: inches, where title and legend begin.
        width: inches, of the whole figure.
        rows: axes below each other, `across`: axes beside each other.
        gap: inches between them, down and across.
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
        width: float = WIDTH,
        rows: int = 1,
        across: int = 1,
        gap: tuple[float, float] = (0.1, 0.1),
    ) -> None:
        titles = wrap(title, width - indent - EDGE, 8, "bold")
        notes = wrap(footnote, width - 2 * EDGE, 5)
        names, columns = arrange([name for _, name in legend], columns, width - indent - EDGE)
        entries = sum(name.count("\n") + 1 for name in names[: -(-len(names) // columns)])
        head = 0.08 + TITLE * len(titles) + ENTRY * entries + (0.06 if entries else 0.0) + strip
        self.width, self.height = width, head + plot + BELOW + 0.05 + FOOTNOTE * len(notes)
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
        """New axes in some inches of the figure; `top` is counted from the upper edge."""
        box = (
            left / self.width,
            (self.height - top - height) / self.height,
            width / self.width,
            height / self.height,
        )
        return self.figure.add_axes(box, **options)

    def _inscribe(self, titles: Sequence[str], notes: Sequence[str], indent: float) -> None:
        """Write the lines of the title at the top and those of the footnote at the bottom."""
        line: dict[str, Any] = {"va": "top", "parse_math": False, "linespacing": 1.15}
        top, below = 1 - 0.05 / self.height, (FOOTNOTE * len(notes) + 0.02) / self.height
        self.figure.text(indent / self.width, top, "\n".join(titles), size=8, weight="bold", **line)
        self.figure.text(EDGE / self.width, below, "\n".join(notes), size=5, color=GREY, **line)

    def _legend(
        self, handles: Sequence[Line2D], names: Sequence[str], columns: int, indent: float, titles: float
    ) -> None:
        """Draw the legend under the title, which takes some inches."""
        drawn = self.figure.legend(
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
        for entry in drawn.get_texts():
            entry.set_parse_math(False)

    @property
    def axes(self) -> Axes:
        """The first of the axes."""
        return self.grid[0][0]

    @cached_property
    def strip(self) -> Axes:
        """Axes without a frame in the strip, on the x axis of the first axes."""
        axes = self._axes(*self._strip, sharex=self.axes)
        axes.axis("off")
        return axes

    def write(self, stem: Path) -> list[Path]:
        """Write PNG and SVG beside each other, whole or not at all.

        Args:
            stem: the path without its ending.
        """
        paths = [stem.with_name(f"{stem.name}.{kind}") for kind in ("png", "svg")]
        for path in paths:
            self.save(path)
        return paths

    def save(self, path: Path) -> None:
        """Write one file, whole or not at all; the same bytes for the same data.

        Args:
            path: ends in `.png` or `.svg`; its folder must be there.
        """
        kind = path.suffix.removeprefix(".")
        metadata: dict[str, str | None] = {"Title": self.title, "Description": self.footnote}
        if kind == "svg":
            metadata["Date"] = None
        with whole(path) as beside, rc_context({"svg.hashsalt": "lengen", "svg.fonttype": "path"}):
            self.figure.savefig(beside, format=kind, dpi=DOTS, metadata=metadata)


def arrange(names: Sequence[str], columns: int, inches: float) -> tuple[list[str], int]:
    """The names of a legend in as many columns as fit beside each other; in a single one, long names are broken.

    Args:
        names: from the top down, column by column.
        columns: the most.
        inches: the width of all of them.
    """
    handle, between = (HANDLE + BEFORE) * TYPE / 72, COLUMN_GAP * TYPE / 72
    widths = np.array([dots(name, TYPE, "normal") / DOTS for name in names])
    for count in range(columns, 1, -1):
        widest = sum(part.max(initial=0) for part in np.array_split(widths, count))
        if widest + count * handle + (count - 1) * between <= inches:
            return list(names), count
    return ["\n".join(wrap(name, inches - handle, TYPE)) for name in names], 1
