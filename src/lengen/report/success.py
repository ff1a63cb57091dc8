"""Success rate: share of seeds that succeed at each length, with exact intervals."""

from __future__ import annotations

from pathlib import Path

from lengen.comparison.cell_scores import lengths, matrix
from lengen.comparison.grouping import Panel
from lengen.report.axes import bars, length_axis, place, shade, shaded
from lengen.report.band import X
from lengen.report.dodge import dodged
from lengen.report.paper import COLUMN, Paper
from lengen.report.sheet import Sheet
from lengen.report.styles import legend, shown, styles
from lengen.statistics.intervals import success_rate


def draw(panel: Panel, stem: Path, *, threshold: float, x: X = "length", paper: Paper = COLUMN) -> list[Path]:
    """Draw the success rate of every cell of a panel over length, and write it in the formats of the paper.

    Args:
        panel: a panel with at least one curve.
        stem: path without its suffix.
        threshold: a seed succeeds at a length if its exact match is at least this.
        x: `length`, or `factor` for length / train length.
        paper: where it is printed.
    """
    cells, remark = shown(panel)
    looks = styles([panel])
    note = (
        f"Share of all seeds whose exact match at a length is at least {threshold:g}; bars: 95% Clopper-Pearson intervals over seeds. "
        f"Untrained and diverged seeds are included. {shaded(panel.train_lengths, factor=x == 'factor')}{remark}"
    )
    sheet = Sheet(f"{panel.name}: success rate", note, legend(cells, looks), columns=2, plot=1.6, paper=paper)
    axes, train = sheet.axes, panel.train_length
    unit = train if x == "factor" else 1
    length_axis(axes, panel.lengths, train, unit)
    shade(axes, panel.train_lengths, factor=x == "factor")
    to_data = axes.transAxes + axes.transData.inverted()
    end = place(axes, train / unit)
    for index, cell in enumerate(cells):
        look, at = looks[cell.name], lengths(cell)
        own = int(cell.runs[0].config["train_length"]) if x == "factor" else 1
        rates = [success_rate(list(column), threshold) for column in matrix(cell, "exact_match", at).T]
        shares = [rate.share for rate in rates]
        places = dodged([place(axes, length / own) for length in at], end, index, len(cells))
        moved = [float(to_data.transform((each, 0))[0]) for each in places]
        bars(axes, moved, rates, look.colour)
        axes.plot(
            moved,
            shares,
            color=look.colour,
            linestyle=look.dashes,
            linewidth=1.1,
            marker=look.marker,
            markersize=3,
            markeredgewidth=0,
            clip_on=False,
            zorder=4,
        )
    axes.set_ylabel(f"success rate (exact match ≥ {threshold:g})", size=7, labelpad=2)
    return sheet.write(stem)
