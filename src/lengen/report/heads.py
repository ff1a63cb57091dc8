"""Attention of every head: one panel per head, attention weight by distance at a trained length and beyond."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from lengen.report.axes import plain
from lengen.report.colour import GREY, colour
from lengen.report.paper import COLUMN, Paper
from lengen.report.sheet import BELOW, LEFT, TYPE, Sheet
from lengen.statistics.formats import floored

PANEL, GAP, ASIDE = 0.62, 0.19, 0.10
"""Inches: height of a panel, space above it for its name, space between panels."""
MARK = 0.14
"""Inches: width of a distance below a panel."""
NARROW = 3
"""With more heads than this, the figure is two columns of a paper wide."""
LINES = ((0, (3, 1.5)), "-", (0, (1, 1)), (0, (5, 1, 1, 1)))


def draw(
    histograms: Sequence[dict[str, Any]],
    heads: Sequence[dict[str, Any]],
    path: Path,
    *,
    pe: str,
    title: str,
    footnote: str,
    paper: Paper = COLUMN,
) -> None:
    """Draw one panel per head and write the figure, atomically.

    Args:
        histograms: rows of `attention.csv`; only the shortest and the longest length are drawn.
        heads: rows of `heads.csv`.
        path: path of the file, in an existing folder.
        pe: the encoding, which gives the longest length its colour.
        title: title above the panels.
        footnote: note in small type below the panels.
        paper: where it is printed.
    """
    rows = sorted({(row["loop"], row["layer"]) for row in heads})
    columns = sorted({row["head"] for row in heads})
    lengths = sorted({row["length"] for row in heads})
    lengths = lengths if len(lengths) == 1 else [lengths[0], lengths[-1]]
    wide = paper.width if len(columns) <= NARROW else paper.double
    looks = _looks(heads, lengths, pe)
    sheet = Sheet(
        title,
        footnote,
        [(Line2D([], [], **look), look["label"]) for look in looks.values()],
        plot=(PANEL + GAP) * len(rows) - GAP,
        strip=GAP,
        indent=LEFT,
        paper=paper,
        width=wide,
        rows=len(rows),
        across=len(columns),
        gap=(GAP, ASIDE),
    )
    for down, (loop, layer) in enumerate(rows):
        for along, number in enumerate(columns):
            axes, mine = sheet.grid[down][along], {"loop": loop, "layer": layer, "head": number}
            _panel(axes, chosen(histograms, **mine), looks)
            _named(axes, chosen(heads, **mine), lengths, loops=rows[-1][0] > 1)
            axes.tick_params(labelleft=not along, labelbottom=down == len(rows) - 1)
    _label(sheet)
    sheet.save(path)


def _looks(heads: Sequence[dict[str, Any]], lengths: Sequence[int], pe: str) -> dict[int, dict[str, Any]]:
    """Return the line style of each length: the longest has the colour of the encoding, a shorter one is grey."""
    splits = {row["length"]: row["split"].upper() for row in heads}
    return {
        length: {
            "label": f"length {length} ({splits[length]})",
            "color": colour(pe) if length == lengths[-1] else GREY,
            "linestyle": LINES[index],
            "linewidth": 1.0,
            "marker": "o" if index else "s",
            "markersize": 1.8,
            "markeredgewidth": 0,
        }
        for index, length in enumerate(lengths)
    }


def _label(sheet: Sheet) -> None:
    """Label the axes once for all panels."""
    first, last = sheet.axes.get_position(), sheet.grid[-1][-1].get_position()
    middle, under = (first.x0 + last.x1) / 2, last.y0 - (BELOW - 0.07) / sheet.height
    sheet.figure.text(middle, under, "distance in tokens", size=7, ha="center", va="bottom")
    beside = (first.y1 + last.y0) / 2
    sheet.figure.text(0.04 / sheet.width, beside, "weight", size=7, rotation=90, va="center")


def chosen(rows: Sequence[dict[str, Any]], **wanted: int) -> list[dict[str, Any]]:
    """Return the rows that have the given values."""
    return [row for row in rows if all(row[name] == value for name, value in wanted.items())]


def doublings(rows: Sequence[dict[str, Any]]) -> list[float]:
    """Return the attention weight at distance 0, 1, 2 to 3, 4 to 7, and so on.

    >>> doublings([{"distance": distance, "mass": 1.0} for distance in range(8)])
    [1.0, 1.0, 2.0, 4.0]
    """
    sums = [0.0] * max(int(row["distance"]).bit_length() + 1 for row in rows)
    for row in rows:
        sums[int(row["distance"]).bit_length()] += row["mass"]
    return sums


def _panel(axes: Axes, rows: Sequence[dict[str, Any]], looks: Mapping[int, dict[str, Any]]) -> None:
    """Draw the attention weight of one head by distance, one line per length."""
    bins = max(int(row["distance"]) for row in rows).bit_length() + 1
    for length, look in looks.items():
        sums = doublings(chosen(rows, length=length))
        axes.plot(range(len(sums)), sums, **look, clip_on=False)
    axes.set_ylim(0, 1)
    axes.set_xlim(-0.4, bins - 0.6)
    axes.set_yticks([0, 0.5, 1], ["0", ".5", "1"])
    every = -(-bins // max(1, int(_inches(axes) / MARK)))
    shown = range(0, bins, every)
    axes.set_xticks(list(shown), [str(2**index // 2) for index in shown])
    plain(axes)
    axes.tick_params(labelsize=TYPE, length=1.5, width=0.4, pad=1.5)


def _inches(axes: Axes) -> float:
    """Return the width of axes in inches."""
    return float(axes.get_position().width * axes.get_figure(root=True).get_figwidth())  # type: ignore[union-attr]


def _named(axes: Axes, rows: Sequence[dict[str, Any]], lengths: Sequence[int], *, loops: bool) -> None:
    """Name a panel by its head, and add the attention weight on the answer's source."""
    first = rows[0]
    name = f"{first['layer']}.{first['head']}" + (f" loop {first['loop']}" if loops else "")
    axes.set_title(name, size=TYPE, loc="left", pad=1.5, weight="bold")
    shares = [chosen(rows, length=length)[0] for length in lengths]
    if all(row["source_mass"] is not None for row in shares):
        text = " → ".join(floored(row["source_mass"], 2) for row in shares)
        axes.text(1, 1.04, text, size=TYPE, color=GREY, ha="right", va="bottom", transform=axes.transAxes)
