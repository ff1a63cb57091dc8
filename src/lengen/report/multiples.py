"""Small multiples: task x cell, exact match over length with every seed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lengen.report.band import X, fill
from lengen.report.figure import GREY, WIDTH
from lengen.report.sheet import DOUBLE, Sheet
from lengen.report.styles import styles
from lengen.study import Panel

SINGLE = 3
"""Columns up to which one column of a paper is enough."""
MOST = 8
"""Columns on a page."""
HEIGHT = 0.75
"""Inches: a row."""


def draw(panels: Sequence[Panel], stem: Path, *, metric: str = "exact_match", x: X = "length") -> list[Path]:
    """Draw one small figure for every task and name of a line, and write PNG and SVG.

    Args:
        panels: the rows.
        stem: path without its ending.
        metric: a share.
        x: lengths, or lengths over the train length.
    """
    names = list(dict.fromkeys(line.name for panel in panels for line in panel.lines if line.curves))
    more = f" The first {MOST} of {len(names)}." if len(names) > MOST else ""
    names = names[:MOST]
    note = f"Thin: seeds (dotted: not trained). Thick: median. Band: quartiles. Grey: trained lengths.{more}"
    width = WIDTH if len(names) <= SINGLE else DOUBLE
    sheet = Sheet(
        "Exact match over length",
        note,
        plot=0.14 + (HEIGHT + 0.32) * len(panels) - 0.32,
        width=width,
        rows=len(panels),
        across=len(names),
        gap=(0.32, 0.09),
        strip=0.14,
    )
    if sheet.strip is not None:
        sheet.strip.axis("off")
    for row, panel in enumerate(panels):
        named = False
        for column, name in enumerate(names):
            axes = sheet.grid[row][column]
            lines = [line for line in panel.lines if line.name == name and line.curves]
            if not lines:
                axes.axis("off")
                continue
            fill(axes, panel, lines, styles(lines), metric=metric, x=x, bold=0.9)
            axes.set_ylabel("" if named else panel.name, size=6, labelpad=2, color=GREY, parse_math=False)
            axes.tick_params(labelsize=5)
            if row < len(panels) - 1:
                axes.set_xlabel("")
            else:
                axes.xaxis.label.set_fontsize(6)
            axes.tick_params(labelleft=not named)
            named = True
            line = lines[0]
            axes.set_title(f"{name} ({line.gated().tried}/{line.tried})", size=6, pad=2, parse_math=False)
    return sheet.write(stem)
