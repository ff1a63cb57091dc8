"""Our curves and the published ones: one small figure per encoding."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.lines import Line2D

from lengen.comparison.grouping import Panel
from lengen.comparison.published import Published, published_curves
from lengen.report.band import fill
from lengen.report.colour import GREY
from lengen.report.paper import COLUMN, Paper
from lengen.report.sheet import LEFT, RIGHT, TYPE, Sheet
from lengen.report.styles import styles

BLACK = "#222222"
NARROW, ASIDE = 1.2, 0.1
"""Inches: least width of a small figure, and space beside it."""


def draw(panel: Panel, published: Published, stem: Path, *, paper: Paper = COLUMN) -> list[Path]:
    """Draw each cell of a panel with the published curves of its encoding, and write them in the formats of the paper.

    Args:
        panel: a panel whose task the paper has.
        published: the curves of the paper.
        stem: path without its suffix.
        paper: where it is printed.
    """
    split = str(published.split(panel))
    cells = [cell for cell in panel.cells if cell.curves and published_curves(published, split, cell)]
    note = (
        f"Coloured: our runs; seeds thin, median thick, band: quartiles. Black, dashed: {published.paper}, split {split}; seeds thin, median thick "
        f"({published.scored}). Grey: trained lengths; dotted: chance, where it is above 0.01. Decoders, tokenizers and training budgets differ: compare rankings, not levels."
    )
    legend = [
        (Line2D([], [], color=GREY, linewidth=1.2, marker="o", markersize=3), "ours"),
        (Line2D([], [], color=BLACK, linewidth=1.0, linestyle="--"), published.paper),
    ]
    across = min(len(cells), max(1, int((paper.width - LEFT - RIGHT + ASIDE) / (NARROW + ASIDE))))
    rows = -(-len(cells) // across)
    sheet = Sheet(
        f"{panel.name} against {published.paper}",
        note,
        legend,
        plot=1.35 * rows - 0.35,
        paper=paper,
        rows=rows,
        across=across,
        gap=(0.42, ASIDE),
        strip=0.14,
    )
    looks = styles([panel])
    for index, cell in enumerate(cells):
        axes = sheet.grid[index // across][index % across]
        fill(axes, panel, [cell], looks, bold=0.9)
        curves = published_curves(published, split, cell)
        for curve in curves.values():
            axes.plot(
                list(curve),
                list(curve.values()),
                color=BLACK,
                linewidth=0.4,
                alpha=0.6,
                linestyle="--",
                zorder=5,
            )
        at = sorted(set.intersection(*(set(curve) for curve in curves.values())))
        median = np.median([[curve[length] for length in at] for curve in curves.values()], axis=0)
        axes.plot(at, median, color=BLACK, linewidth=1.0, linestyle="--", zorder=6)
        axes.set_title(f"{cell.name} ({cell.gated().tried}/{cell.tried})", size=TYPE, pad=2, parse_math=False)
        axes.set_ylabel("" if index % across else "exact match", size=TYPE)
        axes.tick_params(labelsize=TYPE, labelleft=not index % across)
        axes.xaxis.label.set_fontsize(TYPE)
    for index in range(len(cells), rows * across):
        sheet.grid[index // across][index % across].axis("off")
    return sheet.write(stem)
