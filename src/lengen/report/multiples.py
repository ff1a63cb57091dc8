"""Small multiples: task x cell, exact match over length with every seed."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path

from lengen.comparison.grouping import Panel
from lengen.report.band import X, fill
from lengen.report.colour import GREY
from lengen.report.lines import wrap
from lengen.report.sheet import DOUBLE, LEFT, RIGHT, WIDTH, Sheet
from lengen.report.styles import styles

SINGLE = 3
"""Columns up to which one column of a paper is enough."""
COLUMNS, ROWS = 8, 24
"""At most, on a page."""
HEIGHT, GAP, TITLE = 0.75, 0.09, 0.1
"""Inches: a row, the room between columns, a further line above a figure."""


def draw(panels: Sequence[Panel], stem: Path, *, metric: str = "exact_match", x: X = "length") -> list[Path]:
    """Draw one small figure for every task and name of a cell, and write PNG and SVG.

    A task is a row and a name a column; where there are more names than columns, a task has several rows of its own.

    Args:
        panels: the tasks.
        stem: path without its ending.
        metric: a share.
        x: lengths, or lengths over the train length.
    """
    drawn = [(panel, {cell.name: cell for cell in panel.cells if cell.curves}) for panel in panels]
    names = list(dict.fromkeys(name for _, cells in drawn for name in cells))
    across, most = min(len(names), COLUMNS), COLUMNS * max(1, ROWS // len(panels))
    rows = [
        (panel, [cells.get(name) for name in wanted[first : first + across]])
        for panel, cells in drawn
        for wanted in [names if len(names) <= COLUMNS else list(cells)[:most]]
        for first in range(0, len(wanted), across)
    ]
    more = f" The first {most} cells of each task." if any(len(cells) > most for _, cells in drawn) else ""
    width = WIDTH if across <= SINGLE else DOUBLE
    aside = (width - LEFT - RIGHT - GAP * (across - 1)) / across
    heads = [
        [wrap(f"{cell.name} ({cell.gated().tried}/{cell.tried})", aside, 6) if cell else [] for cell in part]
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
        named, looks = False, styles(panel.cells)
        for axes, cell, head in zip_longest(sheet.grid[row], part, heads[row]):
            if not cell:
                axes.axis("off")
                continue
            fill(axes, panel, [cell], looks, metric=metric, x=x, bold=0.9)
            axes.set_ylabel("" if named else panel.name, size=6, labelpad=2, color=GREY, parse_math=False)
            axes.tick_params(labelsize=5)
            if row < len(rows) - 1:
                axes.set_xlabel("")
            else:
                axes.xaxis.label.set_fontsize(6)
            axes.tick_params(labelleft=not named)
            named = True
            axes.set_title("\n".join(head), size=6, pad=2, linespacing=1.1, parse_math=False)
    return sheet.write(stem)
