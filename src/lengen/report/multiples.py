"""Small multiples: task x cell, exact match over length with every seed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lengen.report.band import X, fill
from lengen.report.figure import GREY, LEFT, RIGHT, WIDTH
from lengen.report.lines import wrap
from lengen.report.sheet import DOUBLE, Sheet
from lengen.report.styles import styles
from lengen.study import Panel

SINGLE = 3
"""Columns up to which one column of a paper is enough."""
COLUMNS, ROWS = 8, 24
"""At most, on a page."""
HEIGHT, GAP, TITLE = 0.75, 0.09, 0.1
"""Inches: a row, the room between columns, a further line above a figure."""


def draw(panels: Sequence[Panel], stem: Path, *, metric: str = "exact_match", x: X = "length") -> list[Path]:
    """Draw one small figure for every task and name of a line, and write PNG and SVG.

    A task is a row and a name a column; where there are more names than columns, a task has several rows of its own.

    Args:
        panels: the tasks.
        stem: path without its ending.
        metric: a share.
        x: lengths, or lengths over the train length.
    """
    drawn = [[line.name for line in panel.lines if line.curves] for panel in panels]
    names = list(dict.fromkeys(name for part in drawn for name in part))
    across, most = min(len(names), COLUMNS), COLUMNS * max(1, ROWS // max(1, len(panels)))
    rows = [(panel, names) for panel, part in zip(panels, drawn, strict=True) if part]
    if len(names) > COLUMNS:
        rows = [
            (panel, part[first : first + across])
            for panel, part in zip(panels, drawn, strict=True)
            for first in range(0, min(len(part), most), across)
        ]
    left_out = max(map(len, drawn)) > most
    more = f" The first {most} lines of each task." if len(names) > COLUMNS and left_out else ""
    width = WIDTH if across <= SINGLE else DOUBLE
    aside = (width - LEFT - RIGHT - GAP * (across - 1)) / across
    heads = [[_head(panel, name, aside) for name in part] for panel, part in rows]
    above = TITLE * max(head.count("\n") for row in heads for head in row)
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
    if sheet.strip is not None:
        sheet.strip.axis("off")
    for row, (panel, part) in enumerate(rows):
        named = False
        for column, axes in enumerate(sheet.grid[row]):
            lines = [line for line in panel.lines if line.name in part[column : column + 1] and line.curves]
            if not lines:
                axes.axis("off")
                continue
            fill(axes, panel, lines, styles(lines), metric=metric, x=x, bold=0.9)
            axes.set_ylabel("" if named else panel.name, size=6, labelpad=2, color=GREY, parse_math=False)
            axes.tick_params(labelsize=5)
            if row < len(rows) - 1:
                axes.set_xlabel("")
            else:
                axes.xaxis.label.set_fontsize(6)
            axes.tick_params(labelleft=not named)
            named = True
            axes.set_title(heads[row][column], size=6, pad=2, linespacing=1.1, parse_math=False)
    return sheet.write(stem)


def _head(panel: Panel, name: str, inches: float) -> str:
    """What stands above a small figure: the line's name, trained seeds and seeds tried, in as many lines as it takes."""
    lines = (line for line in panel.lines if line.name == name)
    tried = [f" ({line.gated().tried}/{line.tried})" for line in lines][:1]
    return "\n".join(wrap(name + "".join(tried), inches, 6))
