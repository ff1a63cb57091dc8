"""A heat map of a panel: median over seeds, cell by length."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from lengen.comparison.cell_scores import SHARES, matrix
from lengen.comparison.grouping import Cell, Panel, trained_up_to
from lengen.report.axes import columns, upright
from lengen.report.heat import MAP
from lengen.report.lines import DOTS, wrap
from lengen.report.lines import width as dots
from lengen.report.paper import COLUMN, HEIGHT, Paper, page_stem
from lengen.report.sheet import BELOW, RIGHT, TYPE, Sheet
from lengen.report.vertical import LABELS
from lengen.statistics.formats import short

CELL, LINE = 0.17, 0.095
"""Inches: minimum height of a row, and height of a line of its name."""
NUMBERS = 0.2
"""Inches: squares at least this wide show their value."""
NAMES = 0.45
"""Maximum share of the width for the names of rows; longer ones are broken into lines."""
AROUND = 1.3
"""Inches: height of what is above and below the map, at most."""
MIDDLE = 0.5
MOST = 60
"""Maximum number of rows."""


def draw(panel: Panel, stem: Path, *, metric: str = "exact_match", paper: Paper = COLUMN) -> list[Path]:
    """Draw the medians of a panel and write them in the formats of the paper, on as many pages as the rows need.

    Args:
        panel: a panel with at least one curve.
        stem: path without its suffix.
        metric: the metric; if it is not a share, colours range from its minimum to its maximum.
        paper: where it is printed.
    """
    cells = [cell for cell in panel.cells if cell.curves]
    more = f" The first {MOST} of {len(cells)} cells." if len(cells) > MOST else ""
    cells = cells[:MOST]
    table = _medians(cells, metric, panel.lengths)
    known = table[~np.isnan(table)]
    limits = (0.0, 1.0) if metric in SHARES or not known.size else (float(known.min()), float(known.max()))
    texts = [f"{cell.name} {cell.gated().tried}/{cell.tried}" for cell in cells]
    names = ["\n".join(wrap(text, NAMES * paper.width - 0.1, TYPE)) for text in texts]
    note = (
        f"Median {LABELS[metric]} over seeds. After each name: trained seeds / all seeds. "
        f"Left of the black line: trained lengths. Empty: not evaluated.{more}"
    )
    height = max(CELL, LINE * max(name.count("\n") + 1 for name in names) + 0.03)
    per_page = max(1, int((HEIGHT - AROUND) / height))
    paths = []
    for page, first in enumerate(range(0, len(cells), per_page)):
        rows = slice(first, first + per_page)
        part = f" ({page + 1} of {-(-len(cells) // per_page)})" if len(cells) > per_page else ""
        title = f"{panel.name}: {LABELS[metric]}{part}"
        sheet = _page(
            panel, cells[rows], title, note, names[rows], table[rows], limits, height, paper, metric in SHARES
        )
        paths += sheet.write(page_stem(stem, page))
    return paths


def _medians(cells: Sequence[Cell], metric: str, at: Sequence[int]) -> npt.NDArray[np.float64]:
    """Return the median over seeds, cells x lengths; NaN where nothing was evaluated."""
    table = np.full((len(cells), len(at)), np.nan)
    for index, cell in enumerate(cells):
        values = matrix(cell, metric, at)
        known = ~np.isnan(values).all(axis=0)
        table[index, known] = np.nanmedian(values[:, known], axis=0)
    return table


def _page(
    panel: Panel,
    cells: Sequence[Cell],
    title: str,
    note: str,
    names: Sequence[str],
    table: npt.NDArray[np.float64],
    limits: tuple[float, float],
    height: float,
    paper: Paper,
    share: bool,
) -> Sheet:
    """Draw some rows of the map."""
    left = 0.1 + max(dots(line, TYPE, "normal") / DOTS for name in names for line in name.split("\n"))
    side = (paper.width - left - RIGHT) / table.shape[1]
    sheet = Sheet(
        title,
        note,
        plot=height * len(names),
        left=left,
        below=BELOW + upright(panel.lengths, side),
        paper=paper,
    )
    axes = sheet.axes
    axes.pcolormesh(table, cmap=MAP, vmin=limits[0], vmax=limits[1], edgecolors="white", linewidth=0.4)
    axes.invert_yaxis()
    if side >= NUMBERS and share:
        for (row, column), value in np.ndenumerate(table):
            if not np.isnan(value):
                axes.text(
                    column + 0.5,
                    row + 0.5,
                    short(value),
                    size=TYPE,
                    ha="center",
                    va="center_baseline",
                    color="white" if value < MIDDLE else "black",
                )
    ends = [sum(length <= trained_up_to([cell])[-1] for length in panel.lengths) for cell in cells]
    for row, trained in enumerate(ends):
        if 0 < trained < table.shape[1]:
            axes.vlines(trained, row, row + 1, color="white", linewidth=2)
            axes.vlines(trained, row, row + 1, color="black", linewidth=0.6)
    _labels(axes, names, panel.lengths, panel.train_length, side)
    return sheet


def _labels(axes: Axes, names: Sequence[str], at: Sequence[int], train: int, width: float) -> None:
    """Label the rows and the lengths."""
    axes.set_yticks(
        [row + 0.5 for row in range(len(names))], names, size=TYPE, linespacing=1.1, parse_math=False
    )
    columns(axes, at, train, width, 0.5)
    axes.tick_params(length=0, pad=2, labelsize=TYPE)
    axes.set_xlabel("length", size=7, labelpad=2)
    for spine in axes.spines.values():
        spine.set_visible(False)
