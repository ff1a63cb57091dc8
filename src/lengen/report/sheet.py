"""A sheet: title, axes, legend and footnote of a comparison's figure, as wide as one or two columns of a paper."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from lengen.report.figure import BELOW, FOOTNOTE, LEFT, PLOT, RIGHT, TITLE, WIDTH, inscribe, write
from lengen.report.lines import DOTS, wrap
from lengen.report.lines import width as dots

ENTRY = 0.115
"""Inches: a line of the legend."""
TYPE = 6
"""Points: the size of the legend's type."""
HANDLE, BEFORE, NON_IDENTITY_KEYS = 2.0, 0.8, 1.2
"""Parts of that size: a handle, the space between it and its name, and that between columns."""
DOUBLE = 7.0
"""Inches: both columns of a paper."""


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
        width: float = WIDTH,
        rows: int = 1,
        across: int = 1,
        gap: tuple[float, float] = (0.1, 0.1),
    ) -> None:
        titles, notes = wrap(title, width - 0.16, 8, "bold"), wrap(footnote, width - 0.16, 5)
        names, columns = arrange([name for _, name in legend], columns, width - 0.16)
        entries = sum(name.count("\n") + 1 for name in names[: -(-len(names) // columns)])
        head = 0.08 + TITLE * len(titles) + ENTRY * entries + (0.06 if entries else 0.0) + strip
        height = head + plot + BELOW + 0.05 + FOOTNOTE * len(notes)
        self.title, self.footnote = title, footnote
        self.figure = Figure(figsize=(width, height), facecolor="white")
        self.canvas = FigureCanvasAgg(self.figure)
        inner = width - left - RIGHT
        down, aside = (plot - gap[0] * (rows - 1)) / rows, (inner - gap[1] * (across - 1)) / across
        self.grid: list[list[Axes]] = [
            [
                self.figure.add_axes(
                    (
                        (left + column * (aside + gap[1])) / width,
                        (height - head - down - row * (down + gap[0])) / height,
                        aside / width,
                        down / height,
                    )
                )
                for column in range(across)
            ]
            for row in range(rows)
        ]
        self.strip = (
            self.figure.add_axes((left / width, (height - head) / height, inner / width, strip / height))
            if strip
            else None
        )
        inscribe(self.figure, titles, notes, 0.08)
        if legend:
            drawn = self.figure.legend(
                [handle for handle, _ in legend],
                names,
                loc="upper left",
                bbox_to_anchor=(0.08 / width, 1 - (0.06 + TITLE * len(titles)) / height),
                ncols=columns,
                fontsize=TYPE,
                frameon=False,
                borderaxespad=0,
                borderpad=0,
                handlelength=HANDLE,
                columnspacing=NON_IDENTITY_KEYS,
                handletextpad=BEFORE,
                labelspacing=0.25,
            )
            for entry in drawn.get_texts():
                entry.set_parse_math(False)

    @property
    def axes(self) -> Axes:
        """The first of the axes."""
        return self.grid[0][0]

    def write(self, stem: Path) -> list[Path]:
        """Write PNG and SVG beside each other, whole or not at all.

        Args:
            stem: the path without its ending.
        """
        paths = [stem.with_name(f"{stem.name}.{kind}") for kind in ("png", "svg")]
        for path in paths:
            write(self.canvas, path, {"Title": self.title, "Description": self.footnote})
        return paths


def arrange(names: Sequence[str], columns: int, inches: float) -> tuple[list[str], int]:
    """The names of a legend in as many columns as fit beside each other; in a single one, long names are broken.

    Args:
        names: from the top down, column by column.
        columns: the most.
        inches: the width of all of them.
    """
    handle, apart = (HANDLE + BEFORE) * TYPE / 72, NON_IDENTITY_KEYS * TYPE / 72
    widths = np.array([dots(name, TYPE, "normal") / DOTS for name in names])
    for count in range(columns, 1, -1):
        widest = sum(part.max(initial=0) for part in np.array_split(widths, count))
        if widest + count * handle + (count - 1) * apart <= inches:
            return list(names), count
    return ["\n".join(wrap(name, inches - handle, TYPE)) for name in names], 1
