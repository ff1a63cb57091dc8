"""All tasks on one pair of axes: the median of each cell over length / train length."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.lines import Line2D

from lengen.comparison.cell_scores import lengths, matrix, quartiles
from lengen.comparison.grouping import Panel, pooled
from lengen.report.axes import length_axis, shade, shaded
from lengen.report.band import X, margin
from lengen.report.colour import GREY
from lengen.report.paper import COLUMN, Paper
from lengen.report.sheet import Sheet
from lengen.report.styles import DASHES, MOST, styles
from lengen.report.vertical import EXACT, Vertical


def draw(
    panels: Sequence[Panel],
    stem: Path,
    *,
    vertical: Vertical = EXACT,
    x: X = "length",
    paper: Paper = COLUMN,
) -> list[Path]:
    """Draw the cells of all panels on one pair of axes, in the formats of the paper: colours are cells, dashes are tasks.

    Tasks with different train lengths have multiples of these as their axis.

    Args:
        panels: one per task; of more than four, some have the same dashes and differ in their markers.
        stem: path without its suffix.
        vertical: the metric on the vertical axis, and its scale.
        x: `length`, or `factor` for length / train length.
        paper: where it is printed.
    """
    every = pooled(panels)
    looks, shown = styles(panels), [cell.name for cell in every[:MOST]]
    vertical = vertical.at(every)
    trains = {length for panel in panels for length in panel.train_lengths}
    factor = x == "factor" or len(trains) > 1
    marks = {
        panel.name: (DASHES[index % len(DASHES)], MARKERS[index % len(MARKERS)])
        for index, panel in enumerate(panels)
    }
    legend = [(Line2D([], [], color=looks[name].colour, linewidth=1.6), name) for name in shown] + [
        (Line2D([], [], color=GREY, linestyle=dashes, marker=mark, markersize=3, linewidth=1), name)
        for name, (dashes, mark) in marks.items()
    ]
    more = f" The first {MOST} of {len(every)} names are drawn." if len(every) > MOST else ""
    seeds = sorted({cell.tried for panel in panels for cell in panel.cells})
    count = f"{seeds[0]}" if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
    note = f"Medians over seeds ({count} a cell). Colours: cells. Dashes and markers: tasks. {shaded(sorted(trains), factor=factor)} {vertical.note}"
    sheet = Sheet(
        ", ".join(panel.name for panel in panels),
        note.rstrip() + more,
        legend,
        columns=3,
        plot=1.8,
        left=margin(vertical),
        paper=paper,
    )
    axes, train = sheet.axes, max(trains)
    unit = train if factor else 1
    length_axis(axes, _all_lengths(panels, train, factor=factor), train, unit)
    shade(axes, sorted(trains), factor=factor)
    vertical.set(axes)
    for panel in panels:
        dashes, mark = marks[panel.name]
        for cell in panel.cells:
            if not cell.curves or cell.name not in shown:
                continue
            at = lengths(cell)
            own = panel.train_length if factor else 1
            middle = quartiles(vertical.values(matrix(cell, vertical.metric, at)))[1]
            axes.plot(
                [length / own for length in at],
                middle,
                color=looks[cell.name].colour,
                linestyle=dashes,
                linewidth=1.1,
                marker=mark,
                markersize=2.6,
                markeredgewidth=0,
                clip_on=not vertical.share,
                zorder=3,
            )
    return sheet.write(stem)


MARKERS = "os^Dv"
"""Markers of tasks. Their number and that of dashes have no common divisor, so that twenty tasks differ."""


def _all_lengths(panels: Sequence[Panel], train: int, *, factor: bool) -> list[int]:
    """Return the evaluated lengths of all panels, ascending; as multiples of their train lengths, in units of `train`."""
    scaled = {
        round(length / panel.train_length * train) if factor else length
        for panel in panels
        for length in panel.lengths
    }
    return sorted(scaled)
