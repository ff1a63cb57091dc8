"""Small multiples: a metric over length with every seed, one small figure per task and cell."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path

from matplotlib.axes import Axes

from lengen.comparison.grouping import Cell, Panel, pooled
from lengen.report.band import X, chance_note, fill, margin
from lengen.report.colour import GREY
from lengen.report.lines import wrap
from lengen.report.paper import COLUMN, HEIGHT, Paper, page_stem
from lengen.report.sheet import RIGHT, TYPE, Sheet
from lengen.report.styles import styles
from lengen.report.vertical import EXACT, Vertical

SINGLE = 3
"""With more columns than this, the figure is two columns of a paper wide."""
NARROW = 0.72
"""Inches: least width of a small figure."""
ROWS = 24
"""Maximum number of rows, over all pages."""
SMALL, BETWEEN, GAP, LINE = 0.43, 0.32, 0.09, 0.1
"""Inches: height of a small figure, space between rows, space between columns, height of a line of a title."""
AROUND = 1.1
"""Inches: height of title, footnote and axis label of a page, at most."""

Row = tuple[Panel, list[Cell | None], list[list[str]]]
"""A panel, the cells of a row of it, and the lines of their titles."""


def draw(
    panels: Sequence[Panel],
    stem: Path,
    *,
    vertical: Vertical = EXACT,
    x: X = "length",
    paper: Paper = COLUMN,
) -> list[Path]:
    """Draw one small figure per task and cell name, in the formats of the paper, on as many pages as the rows need.

    Tasks are rows and names are columns; with more names than columns, a task takes several rows.

    Args:
        panels: one per task.
        stem: path without its suffix; further pages have their number after it.
        vertical: the metric on the vertical axis, and its scale.
        x: `length`, or `factor` for length / train length.
        paper: where it is printed.
    """
    drawn = [(panel, {cell.name: cell for cell in panel.cells if cell.curves}) for panel in panels]
    every = [cell for _, cells in drawn for cell in cells.values()]
    vertical = vertical.at(every)
    names = [cell.name for cell in pooled(panels) if any(cell.name in cells for _, cells in drawn)]
    left = margin(vertical)
    most = int((paper.double - left - RIGHT + GAP) / (NARROW + GAP))
    across = min(len(names), most)
    width = paper.width if across <= SINGLE else paper.double
    side = (width - left - RIGHT - GAP * (across - 1)) / across
    limit = most * max(1, ROWS // len(panels))
    rows = [
        (panel, part, [_title(cell, side) for cell in part])
        for panel, cells in drawn
        for row_names in [names if len(names) <= most else list(cells)[:limit]]
        for first in range(0, len(row_names), across)
        for part in [[cells.get(name) for name in row_names[first : first + across]]]
    ]
    more = f" The first {limit} cells of each task." if any(len(cells) > limit for _, cells in drawn) else ""
    note = (
        f"Thin: seeds (dotted: not trained). Thick: median. Band: quartiles. Grey: trained lengths. {vertical.note}"
        f"{chance_note(every, vertical)}".rstrip()
    )
    heading = f"{vertical.label} over length"
    above = LINE * max(len(head) for _, _, heads in rows for head in heads)
    per_page = max(1, int((HEIGHT - AROUND + BETWEEN) / (SMALL + BETWEEN + above)))
    pages = [rows[first : first + per_page] for first in range(0, len(rows), per_page)]
    paths = []
    for page, part in enumerate(pages):
        number = f" ({page + 1} of {len(pages)})" if len(pages) > 1 else ""
        sheet = Sheet(
            f"{heading[0].upper()}{heading[1:]}{number}",
            note + more,
            plot=(SMALL + BETWEEN + above) * len(part) - BETWEEN - above,
            left=left,
            width=width,
            rows=len(part),
            across=across,
            gap=(BETWEEN + above, GAP),
            strip=0.04 + above,
            paper=paper,
        )
        _fill(sheet, part, vertical, x)
        paths += sheet.write(page_stem(stem, page))
    return paths


def _title(cell: Cell | None, inches: float) -> list[str]:
    """Return the lines of the title of a small figure: name, trained seeds and all seeds."""
    return wrap(f"{cell.name} ({cell.gated().tried}/{cell.tried})", inches, TYPE) if cell else []


def _fill(sheet: Sheet, rows: Sequence[Row], vertical: Vertical, x: X) -> None:
    """Draw the small figures of a page."""
    for row, (panel, part, heads) in enumerate(rows):
        labelled, looks = False, styles([panel])
        for axes, cell, head in zip_longest(sheet.grid[row], part, heads):
            if not cell:
                axes.axis("off")
                continue
            fill(axes, panel, [cell], looks, vertical=vertical, x=x, bold=0.9)
            axes.set_ylabel(
                "" if labelled else panel.name, size=TYPE, labelpad=2, color=GREY, parse_math=False
            )
            axes.tick_params(labelsize=TYPE)
            if row < len(rows) - 1:
                axes.set_xlabel("")
            else:
                axes.xaxis.label.set_fontsize(TYPE)
            axes.tick_params(labelleft=not labelled)
            _inward(axes)
            labelled = True
            axes.set_title("\n".join(head), y=1, size=TYPE, pad=2, linespacing=1.1, parse_math=False)


def _inward(axes: Axes) -> None:
    """Keep the first and the last label of the horizontal axis over it, so that they do not meet those of the figures beside."""
    labels = axes.get_xticklabels()
    if len(labels) > 1:
        labels[0].set_horizontalalignment("left")
        labels[-1].set_horizontalalignment("right")
