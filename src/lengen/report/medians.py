"""A heat map of a panel: median over seeds, cell by length."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from lengen.comparison.cell_scores import SHARES, matrix
from lengen.comparison.grouping import Panel
from lengen.report.axes import columns
from lengen.report.band import LABELS
from lengen.report.heat import MAP
from lengen.report.sheet import RIGHT, WIDTH, Sheet
from lengen.statistics.formats import short

CELL = 0.17
"""Inches: height of a row."""
LETTER = 0.048
"""Inches: width of a letter in the name of a row."""
NUMBERS = 0.17
"""Inches: squares at least this wide show their value."""
ROOM = 1.9
"""Inches: minimum width of the map; a figure with long names is wider than a column of a paper."""
MIDDLE = 0.5
MOST = 60
"""Maximum number of rows."""


def draw(panel: Panel, stem: Path, *, metric: str = "exact_match") -> list[Path]:
    """Draw the medians of a panel and write PNG and SVG.

    Args:
        panel: a panel with at least one curve.
        stem: path without its suffix.
        metric: the metric; if it is not a share, colours range from its minimum to its maximum.
    """
    cells = [cell for cell in panel.cells if cell.curves]
    more = f" The first {MOST} of {len(cells)} cells." if len(cells) > MOST else ""
    cells = cells[:MOST]
    at = panel.lengths
    table = np.full((len(cells), len(at)), np.nan)
    for index, cell in enumerate(cells):
        values = matrix(cell, metric, at)
        known = ~np.isnan(values).all(axis=0)
        table[index, known] = np.nanmedian(values[:, known], axis=0)
    names = [f"{cell.name} {cell.gated().tried}/{cell.tried}" for cell in cells]
    left = min(0.12 + LETTER * max(map(len, names)), WIDTH)
    note = (
        f"Median {LABELS[metric]} over seeds. After each name: trained seeds / all seeds. "
        f"Left of the black line: trained lengths. Empty: not evaluated.{more}"
    )
    width = max(WIDTH, left + ROOM + RIGHT)
    sheet = Sheet(f"{panel.name}: {LABELS[metric]}", note, plot=CELL * len(cells), left=left, width=width)
    axes = sheet.axes
    limits = (
        (0.0, 1.0)
        if metric in SHARES or np.isnan(table).all()
        else (float(np.nanmin(table)), float(np.nanmax(table)))
    )
    axes.pcolormesh(table, cmap=MAP, vmin=limits[0], vmax=limits[1], edgecolors="white", linewidth=0.4)
    axes.invert_yaxis()
    side = width * axes.get_position().width / len(at)
    if side >= NUMBERS and metric in SHARES:
        for (row, column), value in np.ndenumerate(table):
            if not np.isnan(value):
                axes.text(
                    column + 0.5,
                    row + 0.5,
                    short(value),
                    size=4.5,
                    ha="center",
                    va="center",
                    color="white" if value < MIDDLE else "black",
                )
    trained = sum(length <= panel.train_length for length in at)
    if 0 < trained < len(at):
        axes.axvline(trained, color="white", linewidth=2)
        axes.axvline(trained, color="black", linewidth=0.6)
    _labels(axes, names, at, panel.train_length, side)
    return sheet.write(stem)


def _labels(axes: Axes, names: Sequence[str], at: Sequence[int], train: int, width: float) -> None:
    """Label the rows, and as many lengths as fit."""
    axes.set_yticks([row + 0.5 for row in range(len(names))], names, size=6, parse_math=False)
    columns(axes, at, train, width, 0.5)
    axes.tick_params(length=0, pad=2, labelsize=6)
    axes.set_xlabel("length", size=7, labelpad=2)
    for spine in axes.spines.values():
        spine.set_visible(False)
