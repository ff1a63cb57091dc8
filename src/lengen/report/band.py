"""A metric over length: each seed as a thin line, median and interquartile band of each cell, and reaches above the axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from lengen.comparison.cell_scores import (
    chance_levels,
    lengths,
    matrix,
    quartiles,
    reach_measurable,
    reaches,
)
from lengen.comparison.grouping import Cell, Panel, trained_up_to
from lengen.report.axes import length_axis, place, shade, shaded
from lengen.report.colour import GREY
from lengen.report.figure import CHANCE, DOTTED, ROOM
from lengen.report.paper import COLUMN, Paper
from lengen.report.sheet import LEFT, TYPE, Sheet
from lengen.report.styles import Style, legend, shown, styles
from lengen.report.vertical import EXACT, Vertical
from lengen.statistics.formats import reach_text
from lengen.statistics.intervals import THRESHOLDS
from lengen.statistics.reaches import median_reach

MARK = 0.1
"""Inches: height of a reach in the strip above the axes."""
STRIP = 0.22
"""Inches: minimum height of the strip, which has a label of two lines."""
X = Literal["length", "factor"]


def draw(
    panel: Panel, stem: Path, *, vertical: Vertical = EXACT, x: X = "length", paper: Paper = COLUMN
) -> list[Path]:
    """Draw a panel and write it in the formats of the paper.

    Args:
        panel: a panel with at least one curve.
        stem: path without its suffix.
        vertical: the metric on the vertical axis, and its scale.
        x: `length`, or `factor` for length / train length.
        paper: where it is printed.
    """
    vertical = vertical.at(panel.cells)
    cells, remark = shown(panel)
    looks = styles([panel])
    note = (
        "Thin: seeds (dotted: not trained). Thick: median. Band: quartiles. "
        f"{shaded(trained_up_to(cells), factor=x == 'factor')} {vertical.note}{chance_note(cells, vertical)}"
        f"Above: reach 0.90, median with the range of seeds (>=: the sweep ended before the curve fell; none: no length is reached).{remark}"
    )
    strip = max(STRIP, MARK * len(cells) + 0.05)
    sheet = Sheet(
        panel.name,
        note,
        legend(cells, looks),
        columns=2,
        strip=strip,
        plot=1.6,
        left=margin(vertical),
        paper=paper,
    )
    fill(sheet.axes, panel, cells, looks, vertical=vertical, x=x)
    _reaches(sheet, cells, looks, panel.train_length if x == "factor" else 1)
    return sheet.write(stem)


def fill(
    axes: Axes,
    panel: Panel,
    cells: Sequence[Cell],
    looks: Mapping[str, Style],
    *,
    vertical: Vertical = EXACT,
    x: X = "length",
    bold: float = 1.3,
) -> None:
    """Draw cells on axes: seeds, median, band, and the trained region behind them."""
    train = panel.train_length
    unit = train if x == "factor" else 1
    length_axis(axes, panel.lengths, train, unit)
    shade(axes, trained_up_to(cells), factor=x == "factor")
    vertical.set(axes)
    chances: set[tuple[tuple[float, ...], tuple[float, ...]]] = set()  # cells of one task have the same
    for cell in cells:
        look = looks[cell.name]
        at = lengths(cell)
        own = int(cell.runs[0].config["train_length"]) if x == "factor" else 1
        places = [length / own for length in at]
        values = vertical.values(matrix(cell, vertical.metric, at))
        seeds = [np.column_stack([places, seed]) for seed in values]
        dashes = ["-" if run.trained else ":" for run in cell.runs]
        axes.add_collection(
            LineCollection(seeds, colors=look.colour, linewidths=0.5, alpha=0.55, linestyles=dashes, zorder=3)
        )
        levels = chance_levels(cell, vertical.metric, at)
        if any(level > CHANCE for level in levels) and (tuple(places), levels) not in chances:
            chances.add((tuple(places), levels))
            axes.plot(places, vertical.values(levels), **DOTTED, zorder=3)
        low, middle, high = quartiles(values)
        if len(values) > 1:
            axes.fill_between(places, low, high, color=look.colour, alpha=0.18, linewidth=0, zorder=2)
        axes.plot(
            places,
            middle,
            color=look.colour,
            linestyle=look.dashes if len(values) > 1 or any(run.trained for run in cell.runs) else ":",
            linewidth=bold,
            marker=look.marker,
            markersize=(3.0 if len(at) <= 16 else 1.8) * bold / 1.3,  # noqa: PLR2004
            markeredgewidth=0,
            clip_on=not vertical.share,
            zorder=4,
        )


def margin(vertical: Vertical) -> float:
    """Return the left margin of axes, in inches: more for the long numbers of a logarithmic or logit scale."""
    return LEFT + (0.12 if vertical.share and not vertical.bounded else 0.0)


def chance_note(cells: Sequence[Cell], vertical: Vertical) -> str:
    """Say what the line of chance is, if it is drawn."""
    drawn = any(
        level > CHANCE for cell in cells for level in chance_levels(cell, vertical.metric, lengths(cell))
    )
    return "Black dots: chance, by the likeliest answer. " if drawn else ""


def _reaches(sheet: Sheet, cells: Sequence[Cell], looks: Mapping[str, Style], unit: int) -> None:
    """Draw the strip above the axes: for each cell the range of reaches over seeds, and their median with its value.

    The strip is on the axis of lengths below it, whose ticks it continues.
    """
    strip = sheet.strip
    strip.set_ylim(len(cells) - 0.4, -0.6)
    _scale(strip)
    left = strip.get_xlim()[0]
    box = {"boxstyle": "square,pad=0.05", "facecolor": "white", "edgecolor": "none", "alpha": 0.8}
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
        value = median.median / unit if median.median else None
        text = reach_text(
            value,
            at_least=median.at_least,
            measurable=reach_measurable(cell, THRESHOLDS[0]) or bool(max(seeds)),
        )
        first, last = min(places), max(places)  # the value is beside the range, or on it without room
        beside = first if place(strip, first) > 1 - ROOM else middle
        end, aside = (last, 4) if place(strip, last) <= ROOM else (beside, -4)
        strip.annotate(
            text,
            (end, index),
            (aside, 0),
            textcoords="offset points",
            size=TYPE,
            color=GREY,
            va="center_baseline",
            ha="right" if aside < 0 else "left",
            bbox=box,
            zorder=4,
        )


def _scale(strip: Axes) -> None:
    """Give the strip the ticks of the axis of lengths, as thin rules, and a label."""
    strip.axis("on")
    strip.spines[["top", "right", "left"]].set_visible(False)
    strip.spines["bottom"].set_linewidth(0.5)
    strip.tick_params(axis="x", labelbottom=False, length=2, width=0.5)
    strip.grid(visible=True, axis="x", color="#DDDDDD", linewidth=0.4)
    strip.set_axisbelow(True)
    strip.set_yticks([])
    strip.set_ylabel("reach\n0.90", size=TYPE, labelpad=3, rotation=0, ha="right", va="center")
