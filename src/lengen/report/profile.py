"""Performance profile: share of seeds whose reach is at least a multiple of the train length (Dolan and More 2002)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter

from lengen.comparison.cell_scores import factors, reach_measurable
from lengen.comparison.grouping import Panel, pooled
from lengen.report.axes import plain
from lengen.report.colour import SHADE
from lengen.report.sheet import Sheet
from lengen.report.styles import MOST, legend, styles
from lengen.statistics.intervals import THRESHOLDS
from lengen.statistics.scores import performance_profile


def draw(panels: Sequence[Panel], stem: Path) -> list[Path]:
    """Draw one profile per cell name, over the seeds of all panels, and write PNG and SVG.

    Args:
        panels: panels, of which at least one has runs.
        stem: path without its suffix.
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
    looks = styles(every_cell)
    note = (
        "Share of all seeds whose reach 0.90 (longest length up to which the lower 95% bound of exact match is at least 0.90) is at least this "
        f"multiple of the train length. Thin, dotted: trained seeds only, if not all are trained.{over}{more}{few}"
    )
    title = (
        f"{panels[0].name}: performance profile" if len(panels) == 1 else "Performance profile over all tasks"
    )
    sheet = Sheet(title, note, legend(cells, looks), columns=2, plot=1.5)
    axes = sheet.axes
    every = sorted({factor for cell in cells for factor in factors(cell) if factor} | {1.0})
    longest = max(
        [
            length / int(run.config["train_length"])
            for cell in cells
            for run in cell.runs
            for length in run.curve.lengths[-1:]
        ],
        default=1.0,
    )
    low, high = min(0.5, every[0]), max(longest, every[-1]) * 1.08
    for cell in cells:
        look = looks[cell.name]
        for runs, width, dashes in ((cell, 1.3, look.dashes), (cell.gated(), 0.6, ":")):
            if not runs.runs or (runs is not cell and runs.tried == cell.tried):
                continue
            steps = [low, *every, high]
            shares = performance_profile(factors(runs), steps)
            axes.step(
                steps,
                shares,
                where="pre",
                color=look.colour,
                linewidth=width,
                linestyle=dashes,
                clip_on=False,
            )
    axes.set_xscale("log", base=2)
    axes.set_xlim(low, high)
    axes.axvspan(low, 1.0, color=SHADE, linewidth=0, zorder=0)
    marks = [2.0**power for power in range(-4, 12) if low <= 2.0**power <= high]
    axes.xaxis.set_major_locator(FixedLocator(marks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.set_ylim(-0.03, 1.03)
    plain(axes)
    axes.set_xlabel("reach 0.90 / train length, at least", size=7, labelpad=2)
    axes.set_ylabel("share of seeds", size=7, labelpad=2)
    return sheet.write(stem)
