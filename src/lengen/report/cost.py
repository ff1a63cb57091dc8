"""What a length costs: seconds an example, and peak memory."""

from __future__ import annotations

from pathlib import Path

from matplotlib.ticker import NullFormatter

from lengen.comparison.cell_scores import costs, lengths
from lengen.comparison.grouping import Panel
from lengen.report.axes import length_axis
from lengen.report.sheet import Sheet
from lengen.report.styles import legend, shown, styles


def draw(panel: Panel, stem: Path) -> list[Path]:
    """Draw time and memory of a panel's sweeps over length and write PNG and SVG.

    Args:
        panel: at least one run with a curve.
        stem: path without its ending.
    """
    cells, remark = shown(panel)
    looks = styles(panel.cells)
    devices = sorted({str(run.facts.get("device", "unknown device")) for cell in cells for run in cell.runs})
    note = (
        f"Median over seeds, as the sweeps ran on {', '.join(devices)}; runs may have shared the machine. "
        f"Memory is that of the whole process on a CPU, what was allocated on a GPU.{remark}"
    )
    sheet = Sheet(
        f"{panel.name}: cost", note, legend(cells, looks), columns=2, plot=2.0, rows=2, gap=(0.12, 0)
    )
    for axes, label in ((sheet.grid[0][0], "ms an example"), (sheet.grid[1][0], "peak memory (MiB)")):
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
