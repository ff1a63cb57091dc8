"""A metric over length: each seed as a thin line, median and interquartile band of each cell, and reaches above the axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.ticker import NullFormatter

from lengen.comparison.cell_scores import (
    SHARES,
    chance_levels,
    lengths,
    matrix,
    quartiles,
    reach_measurable,
    reaches,
)
from lengen.comparison.grouping import Cell, Panel
from lengen.report.axes import length_axis
from lengen.report.colour import GREY, SHADE
from lengen.report.figure import CHANCE, DOTTED
from lengen.report.sheet import Sheet
from lengen.report.styles import Style, legend, shown, styles
from lengen.statistics.formats import reach_text
from lengen.statistics.intervals import THRESHOLDS
from lengen.statistics.reaches import median_reach

MARK = 0.075
"""Inches: height of a reach in the strip above the axes."""
LABELS = {
    "exact_match": "exact match",
    "token_accuracy": "token accuracy",
    "loss": "loss (nats per token)",
    "first_error": "tokens before the first error",
    "seconds": "seconds",
    "memory_bytes": "peak memory (bytes)",
}
X = Literal["length", "factor"]


def draw(panel: Panel, stem: Path, *, metric: str = "exact_match", x: X = "length") -> list[Path]:
    """Draw a panel and write PNG and SVG.

    Args:
        panel: a panel with at least one curve.
        stem: path without its suffix.
        metric: the metric on the vertical axis.
        x: `length`, or `factor` for length / train length.
    """
    cells, remark = shown(panel)
    looks = styles(panel.cells)
    note = (
        "Thin: seeds (dotted: not trained). Thick: median. Band: quartiles. Grey: trained lengths. "
        f"{chance_note(cells, metric)}"
        f"Above: reach 0.90, median with the range of seeds (>=: the sweep ended before the curve fell; none: no length is reached).{remark}"
    )
    sheet = Sheet(panel.name, note, legend(cells, looks), columns=2, strip=MARK * len(cells) + 0.05, plot=1.6)
    axes = sheet.axes
    fill(axes, panel, cells, looks, metric=metric, x=x)
    axes.set_ylabel(LABELS[metric], size=7, labelpad=2)
    _reaches(sheet, cells, looks, panel.train_length if x == "factor" else 1)
    return sheet.write(stem)


def fill(
    axes: Axes,
    panel: Panel,
    cells: Sequence[Cell],
    looks: Mapping[str, Style],
    *,
    metric: str = "exact_match",
    x: X = "length",
    bold: float = 1.3,
) -> None:
    """Draw cells on axes: seeds, median, band, and the trained region behind them."""
    train = panel.train_length
    unit = train if x == "factor" else 1
    length_axis(axes, panel.lengths, train, unit)
    axes.axvspan(axes.get_xlim()[0], train / unit, color=SHADE, linewidth=0, zorder=0)
    if metric not in SHARES:
        axes.set_ylim(auto=True)
        axes.set_yscale("log" if metric in ("seconds", "memory_bytes") else "linear")
        axes.yaxis.set_minor_formatter(NullFormatter())
    chances: set[tuple[tuple[float, ...], tuple[float, ...]]] = set()  # cells of one task have the same
    for cell in cells:
        look = looks[cell.name]
        at = lengths(cell)
        own = int(cell.runs[0].config["train_length"]) if x == "factor" else 1
        places = [length / own for length in at]
        values = matrix(cell, metric, at)
        seeds = [np.column_stack([places, seed]) for seed in values]
        dashes = ["-" if run.trained else ":" for run in cell.runs]
        axes.add_collection(
            LineCollection(seeds, colors=look.colour, linewidths=0.5, alpha=0.55, linestyles=dashes, zorder=3)
        )
        levels = chance_levels(cell, metric, at)
        if any(level > CHANCE for level in levels) and (tuple(places), levels) not in chances:
            chances.add((tuple(places), levels))
            axes.plot(places, levels, **DOTTED, zorder=3)
        low, middle, high = quartiles(values)
        if len(values) > 1:
            axes.fill_between(places, low, high, color=look.colour, alpha=0.18, linewidth=0, zorder=2)
        axes.plot(
            places,
            middle,
            color=look.colour,
            linestyle=look.dashes,
            linewidth=bold,
            marker=look.marker,
            markersize=(3.0 if len(at) <= 16 else 1.8) * bold / 1.3,  # noqa: PLR2004
            markeredgewidth=0,
            clip_on=metric not in SHARES,
            zorder=4,
        )


def chance_note(cells: Sequence[Cell], metric: str) -> str:
    """Say what the line of chance is, if it is drawn."""
    drawn = any(level > CHANCE for cell in cells for level in chance_levels(cell, metric, lengths(cell)))
    return "Black dots: chance, by the likeliest answer. " if drawn else ""


def _reaches(sheet: Sheet, cells: Sequence[Cell], looks: Mapping[str, Style], unit: int) -> None:
    """Draw the strip above the axes: for each cell the range of reaches over seeds, and their median."""
    strip = sheet.strip
    strip.set_ylim(len(cells), -0.3)
    left = strip.get_xlim()[0]
    words: dict[str, Any] = {
        "textcoords": "offset points",
        "size": 4.5,
        "color": GREY,
        "va": "center_baseline",
    }
    for index, cell in enumerate(cells):
        look, seeds = looks[cell.name], reaches(cell, THRESHOLDS[0])
        places = [reach / unit if reach else left for reach in seeds]
        middle = float(np.median(places))
        strip.plot([min(places), max(places)], [index, index], color=look.colour, linewidth=1.0, zorder=2)
        strip.plot(
            [middle],
            [index],
            color=look.colour,
            marker=look.marker,
            markersize=3,
            markeredgewidth=0,
            zorder=3,
            clip_on=False,
        )
        median = median_reach(seeds, lengths(cell))
        if not max(seeds):
            text = reach_text(None, measurable=reach_measurable(cell, THRESHOLDS[0]))
            strip.annotate(text, (left, index), (4, 0), ha="left", **words)
        elif median.at_least and median.median:
            text = reach_text(median.median / unit, at_least=True)
            box = {"boxstyle": "square,pad=0.05", "facecolor": "white", "edgecolor": "none"}
            strip.annotate(text, (middle, index), (-4, 0), ha="right", bbox=box, **words)
