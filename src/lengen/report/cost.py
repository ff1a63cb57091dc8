"""Cost of evaluation over length: time per example and a run's peak memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lengen.comparison.cell_scores import costs, lengths
from lengen.comparison.grouping import Panel
from lengen.records.plain_text import visible
from lengen.report.axes import length_axis, logarithmic_marks
from lengen.report.paper import COLUMN, Paper
from lengen.report.sheet import Sheet
from lengen.report.styles import legend, shown, styles

LABELS = ("ms per example", "peak memory (MiB)")


def draw(panel: Panel, stem: Path, *, paper: Paper = COLUMN) -> list[Path]:
    """Draw time and memory of a panel's sweeps over length, and write it in the formats of the paper.

    Args:
        panel: a panel with at least one curve.
        stem: path without its suffix.
        paper: where it is printed.
    """
    cells, remark = shown(panel)
    looks = styles([panel])
    measured = {cell.name: costs(cell, lengths(cell)) for cell in cells}
    labels = LABELS[: 1 + any(np.isfinite(memory).any() for _, memory in measured.values())]
    devices = sorted(
        {visible(str(run.facts.get("device", "unknown device"))) for cell in cells for run in cell.runs}
    )
    memory = (
        "Memory: of the run alone (its parameters, and what a length takes besides)."
        if len(labels) > 1
        else "These runs did not record their own memory."
    )
    note = f"Median over seeds, measured during the sweeps on {', '.join(devices)}; runs may have shared the machine. {memory}{remark}"
    sheet = Sheet(
        f"{panel.name}: cost",
        note,
        legend(cells, looks),
        columns=2,
        plot=1.06 * len(labels) - 0.12,
        rows=len(labels),
        gap=(0.12, 0),
        paper=paper,
    )
    every = [row[0] for row in sheet.grid]
    for axes, label in zip(every, labels, strict=True):
        length_axis(axes, panel.lengths, panel.train_length)
        axes.set_ylim(auto=True)
        axes.set_ylabel(label, size=7, labelpad=2)
    for axes in every[:-1]:
        axes.set_xlabel("")
        axes.tick_params(labelbottom=False)
    every[0].set_yscale("log")
    logarithmic_marks(every[0])
    for cell in cells:
        look = looks[cell.name]
        for axes, values in zip(every, measured[cell.name], strict=False):
            axes.plot(
                lengths(cell),
                values,
                color=look.colour,
                linestyle=look.dashes,
                marker=look.marker,
                markersize=3,
                markeredgewidth=0,
                linewidth=1.2,
            )
    for axes in every[1:]:
        axes.set_ylim(bottom=0)
    return sheet.write(stem)
