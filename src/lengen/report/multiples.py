"""Small multiples: exact match over length with every seed, one small figure per task and cell."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path

from lengen.comparison.grouping import Panel
from lengen.report.band import X, chance_note, fill
from lengen.report.colour import GREY
from lengen.report.lines import wrap
from lengen.report.sheet import DOUBLE, LEFT, RIGHT, WIDTH, Sheet
from lengen.report.styles import styles

SINGLE = 3
"""With more columns than this, the figure is two columns of a paper wide."""
COLUMNS, ROWS = 8, 24
"""Maximum number of columns and rows."""
HEIGHT, GAP, TITLE = 0.75, 0.09, 0.1
"""Inches: height of a row, space between columns, height of a further line of a title."""


def draw(panels: Sequence[Panel], stem: Path, *, metric: str = "exact_match", x: X = "length") -> list[Path]:
    """Draw one small figure per task and cell name, and write PNG and SVG.

    Tasks are rows and names are columns; with more names than columns, a task takes several rows.

    Args:
        panels: one per task.
        stem: path without its suffix.
        metric: a metric that is a share.
        x: `length`, or `factor` for length / train length.
    """
    drawn = [(panel, {cell.name: cell for cell in panel.cells if cell.curves}) for panel in panels]
    names = list(dict.fromkeys(name for _, cells in drawn for name in cells))
    across, limit = min(len(names), COLUMNS), COLUMNS * max(1, ROWS // len(panels))
    rows = [
        (panel, [cells.get(name) for name in row_names[first : first + across]])
        for panel, cells in drawn
        for row_names in [names if len(names) <= COLUMNS else list(cells)[:limit]]
        for first in range(0, len(row_names), across)
    ]
    more = f" The first {limit} cells of each task." if any(len(cells) > limit for _, cells in drawn) else ""
    if told := chance_note([cell for _, cells in drawn for cell in cells.values()], metric):
        more = f" {told.rstrip()}{more}"
    width = WIDTH if across <= SINGLE else DOUBLE
    panel_width = (width - LEFT - RIGHT - GAP * (across - 1)) / across
    heads = [
        [
            wrap(f"{cell.name} ({cell.gated().tried}/{cell.tried})", panel_width, 6) if cell else []
            for cell in part
        ]
        for _, part in rows
    ]
    above = TITLE * (max(len(head) for row in heads for head in row) - 1)
    sheet = Sheet(
        "Exact match over length",
        f"Thin: seeds (dotted: not trained). Thick: median. Band: quartiles. Grey: trained lengths.{more}",
        plot=0.14 + (HEIGHT + 0.32 + above) * len(rows) - 0.32 - above,
        width=width,
        rows=len(rows),
        across=across,
        gap=(0.32 + above, GAP),
        strip=0.14 + above,
    )
    for row, (panel, part) in enumerate(rows):
        labelled, looks = False, styles(panel.cells)
        for axes, cell, head in zip_longest(sheet.grid[row], part, heads[row]):
            if not cell:
                axes.axis("off")
                continue
            fill(axes, panel, [cell], looks, metric=metric, x=x, bold=0.9)
            axes.set_ylabel("" if labelled else panel.name, size=6, labelpad=2, color=GREY, parse_math=False)
            axes.tick_params(labelsize=5)
            if row < len(rows) - 1:
                axes.set_xlabel("")
            else:
                axes.xaxis.label.set_fontsize(6)
            axes.tick_params(labelleft=not labelled)
            labelled = True
            axes.set_title("\n".join(head), y=1, size=6, pad=2, linespacing=1.1, parse_math=False)
    return sheet.write(stem)
