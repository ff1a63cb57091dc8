"""Performance profile: share of seeds whose reach is at least a multiple of the train length (Dolan and More 2002)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from lengen.comparison.cell_scores import ends, profile, reach_measurable
from lengen.comparison.grouping import Cell, Panel, pooled
from lengen.report.axes import DIGIT, bars, place, plain
from lengen.report.colour import GREY, SHADE
from lengen.report.paper import COLUMN, Paper
from lengen.report.scale import label, ticks
from lengen.report.sheet import TYPE, Sheet
from lengen.report.styles import MOST, Style, legend, styles
from lengen.statistics.intervals import THRESHOLDS

STRIP = 0.1
"""Inches: height of the words above the axes."""


def draw(panels: Sequence[Panel], stem: Path, *, paper: Paper = COLUMN) -> list[Path]:
    """Draw one profile per cell name, over the seeds of all panels, and write it in the formats of the paper.

    All seeds of a sweep are censored where it ends, so that the profile up to the shortest sweep end of a cell is its Kaplan-Meier
    curve; beyond, nothing is drawn.

    Args:
        panels: panels, of which at least one has runs.
        stem: path without its suffix.
        paper: where it is printed.
    """
    every_cell = pooled(panels)
    over = "" if len(panels) == 1 else f" Over {len(panels)} tasks."
    more = "" if len(every_cell) <= MOST else f" The first {MOST} of {len(every_cell)} names are drawn."
    cells = [cell for cell in every_cell[:MOST] if reach_measurable(cell, THRESHOLDS[0])]
    few = (
        ""
        if len(cells) == len(every_cell[:MOST])
        else " Cells with too few examples for this reach are not drawn."
    )
    looks = styles(panels)
    note = (
        "Share of all seeds whose reach 0.90 (longest length up to which the lower 95% bound of exact match is at least 0.90) is at least this "
        "multiple of the train length, up to the shortest sweep end of each cell. Bars: 95% Clopper-Pearson intervals over seeds, one "
        f"on each level. Thin, dotted: trained seeds only, if not all are trained.{over}{more}{few}"
    )
    title = (
        f"{panels[0].name}: performance profile" if len(panels) == 1 else "Performance profile over all tasks"
    )
    sheet = Sheet(title, note, legend(cells, looks), columns=2, plot=1.5, strip=STRIP, paper=paper)
    axes = sheet.axes
    steps = factors_of(cells)
    low, high = min(0.5, steps[0]), steps[-1]
    _axis(axes, low, steps)
    for index, cell in enumerate(cells):
        _profile(axes, cell, looks[cell.name], [low, *steps])
        _intervals(axes, cell, looks[cell.name], [low, *steps], (index + 1) / (len(cells) + 1))
    gated = [(cell, cell.gated()) for cell in cells]
    for whole, trained in gated:
        if trained.runs and trained.tried != whole.tried:
            _profile(axes, trained, looks[whole.name], [low, *steps], thin=True)
    last = {min(*ends(cell), high) for cell in cells if cell.runs}
    for end in last:
        axes.axvline(end, color=GREY, linewidth=0.5, linestyle=(0, (1, 2)), zorder=1)
    words = "sweep ends" if len(last) == 1 else "sweeps end"
    if last:
        axes.text(max(last), 1.04, words, size=TYPE, color=GREY, ha="right", va="bottom")
    return sheet.write(stem)


def factors_of(cells: Sequence[Cell]) -> list[float]:
    """Return the evaluated lengths of cells as multiples of their train lengths, and 1, ascending."""
    evaluated = {
        length / int(run.config["train_length"])
        for cell in cells
        for run in cell.runs
        for length in run.curve.lengths
    }
    return sorted(evaluated | {1.0})


def _profile(axes: Axes, cell: Cell, look: Style, steps: Sequence[float], *, thin: bool = False) -> None:
    """Draw the profile of a cell up to its shortest sweep end; `thin` is that of trained seeds alone."""
    known = [(step, rate) for step, rate in zip(steps, profile(cell, steps), strict=True) if rate]
    axes.step(
        [step for step, _ in known],
        [rate.share for _, rate in known],
        where="pre",
        color=look.colour,
        linewidth=0.6 if thin else 1.3,
        linestyle=":" if thin else look.dashes,
        clip_on=False,
        zorder=3,
    )


def _intervals(axes: Axes, cell: Cell, look: Style, steps: Sequence[float], share: float) -> None:
    """Draw the interval of each level of a profile once, as a bar with the marker of the cell, at a share of its length.

    Bands of several cells hide each other; bars at different shares do not, and their markers tell lines on one level apart.
    """
    known = [(step, rate) for step, rate in zip(steps, profile(cell, steps), strict=True) if rate]
    levels = [[*level] for _, level in groupby(known, key=lambda each: each[1].successes)]
    stops = [steps[0], *(level[-1][0] for level in levels)]
    spans = [
        (start, end, level[0][1])
        for start, end, level in zip(stops, stops[1:], levels, strict=False)
        if end > start
    ]
    at = [start * (end / start) ** share for start, end, _ in spans]
    rates = [rate for *_, rate in spans]
    bars(axes, at, rates, look.colour)
    axes.plot(
        at,
        [rate.share for rate in rates],
        color=look.colour,
        linestyle="",
        marker=look.marker,
        markersize=3,
        markeredgewidth=0,
        clip_on=False,
        zorder=4,
    )


def _axis(axes: Axes, low: float, steps: Sequence[float]) -> None:
    """Set up the axis of multiples of the train length, logarithmic, with the trained region."""
    axes.set_xscale("log", base=2)
    axes.set_xlim(low, steps[-1] * 1.08)
    axes.axvspan(low, 1.0, color=SHADE, linewidth=0, zorder=0)
    inches = axes.get_position().width * axes.get_figure(root=True).get_figwidth()  # type: ignore[union-attr]
    doublings = [2.0**power for power in range(-4, 12) if low <= 2.0**power <= steps[-1]]
    rows = ticks(
        [low, steps[-1]],
        1,
        lambda factor: place(axes, factor),
        DIGIT / inches,
        continuous=True,
        more=doublings,
    )
    axes.set_xticks(list(rows), ["\n" * row + label(factor) for factor, row in rows.items()])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_ylim(-0.03, 1.03)
    plain(axes)
    axes.set_xlabel("reach 0.90 / train length, at least", size=7, labelpad=2)
    axes.set_ylabel("share of seeds", size=7, labelpad=2)
