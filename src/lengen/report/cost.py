"""Cost of evaluation over length: time per example and peak memory."""

from __future__ import annotations

from pathlib import Path

from matplotlib.ticker import NullFormatter

from lengen.comparison.cell_scores import costs, lengths
from lengen.comparison.grouping import Panel
from lengen.report.axes import length_axis
from lengen.report.sheet import Sheet
from lengen.report.styles import legend, shown, styles


def draw(panel: Panel, stem: Path) -> list[Path]:
    """Draw time and memory of a panel's sweeps over length, and write PNG and SVG.

    Args:
        panel: a panel with at least one curve.
        stem: path without its suffix.
    """
    cells, remark = shown(panel)
    looks = styles(panel.cells)
    devices = sorted({str(run.facts.get("device", "unknown device")) for cell in cells for run in cell.runs})
    note = (
        f"Median over seeds, measured during the sweeps on {', '.join(devices)}; runs may have shared the machine. "
        f"Memory: of the whole process on a CPU, allocated by torch on a GPU.{remark}"
    )
    sheet = Sheet(
        f"{panel.name}: cost", note, legend(cells, looks), columns=2, plot=2.0, rows=2, gap=(0.12, 0)
    )
    for axes, label in ((sheet.grid[0][0], "ms per example"), (sheet.grid[1][0], "peak memory (MiB)")):
        length_axis(axes, panel.lengths, panel.train_length)
        axes.set_ylim(auto=True)
        axes.set_ylabel(label, size=7, labelpad=2)
    upper, lower = sheet.grid[0][0], sheet.grid[1][0]
    upper.set_yscale("log")
    upper.yaxis.set_minor_formatter(NullFormatter())
    upper.set_xlabel("")
    upper.tick_params(labelbottom=False)
    for cell in cells:
        look, at = looks[cell.name], lengths(cell)
        for axes, values in zip((upper, lower), costs(cell, at), strict=True):
            axes.plot(
                at,
                values,
                color=look.colour,
                linestyle=look.dashes,
                marker=look.marker,
                markersize=3,
                markeredgewidth=0,
                linewidth=1.2,
            )
    lower.set_ylim(bottom=0)
    return sheet.write(stem)
