"""Where heads look: a panel a head, the weight by distance at trained lengths and beyond."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from lengen.report.colour import colour
from lengen.report.figure import FOOTNOTE, GREY, LEFT, LEGEND, RIGHT, TITLE, WIDTH, write
from lengen.report.lines import wrap

PANEL, GAP, ASIDE, BELOW = 0.62, 0.19, 0.10, 0.36
"""Inches: height of a panel, room above it for its name, room between panels, room under the lowest."""
NARROW = 4
"""Heads up to which a column of a paper is wide enough; more take two columns."""
LINES = ((0, (3, 1.5)), "-", (0, (1, 1)), (0, (5, 1, 1, 1)))


def draw(
    histograms: Sequence[dict[str, Any]],
    heads: Sequence[dict[str, Any]],
    path: Path,
    *,
    pe: str,
    title: str,
    footnote: str,
) -> None:
    """Draw a panel a head and write them as PNG, whole or not at all.

    Args:
        histograms: rows of `attention.csv`; of more than two lengths the shortest and the longest are drawn.
        heads: rows of `heads.csv`.
        path: where to; its folder must be there.
        pe: gives the colour of the longest length.
        title: above the panels.
        footnote: in small type under the panels.
    """
    rows = sorted({(row["loop"], row["layer"]) for row in heads})
    columns = sorted({row["head"] for row in heads})
    lengths = sorted({row["length"] for row in heads})
    lengths = lengths if len(lengths) == 1 else [lengths[0], lengths[-1]]
    wide = WIDTH if len(columns) <= NARROW else 2 * WIDTH + 0.2
    titles, notes = wrap(title, wide - LEFT - RIGHT, 8, "bold"), wrap(footnote, wide - 0.16, 5)
    head = 0.06 + TITLE * len(titles) + LEGEND
    height = head + (PANEL + GAP) * len(rows) + BELOW + FOOTNOTE * len(notes)
    figure = Figure(figsize=(wide, height), facecolor="white")
    canvas = FigureCanvasAgg(figure)
    width = (wide - LEFT - RIGHT + ASIDE) / len(columns) - ASIDE
    for down, (loop, layer) in enumerate(rows):
        for along, number in enumerate(columns):
            left, low = LEFT + along * (width + ASIDE), height - head - (PANEL + GAP) * (down + 1)
            axes = figure.add_axes((left / wide, low / height, width / wide, PANEL / height))
            mine = {"loop": loop, "layer": layer, "head": number}
            _panel(axes, chosen(histograms, **mine), lengths, pe)
            _named(axes, chosen(heads, **mine), lengths, loops=rows[-1][0] > 1)
            axes.tick_params(labelleft=not along, labelbottom=down == len(rows) - 1)
    handles = figure.axes[0].get_lines()
    figure.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(LEFT / wide, 1 - (0.05 + TITLE * len(titles)) / height),
        ncols=len(handles),
        fontsize=6,
        frameon=False,
        borderaxespad=0,
        borderpad=0,
    )
    text: dict[str, Any] = {"parse_math": False, "linespacing": 1.15}
    figure.text(LEFT / wide, 1 - 0.05 / height, "\n".join(titles), size=8, weight="bold", va="top", **text)
    foot = FOOTNOTE * len(notes) + 0.02
    figure.text(0.08 / wide, foot / height, "\n".join(notes), size=5, color=GREY, va="top", **text)
    middle = (LEFT + wide - RIGHT) / 2 / wide
    figure.text(middle, (foot + 0.05) / height, "distance in tokens", size=7, ha="center", va="bottom")
    figure.text(
        0.04 / wide, (foot + BELOW + height - head) / 2 / height, "weight", size=7, rotation=90, va="center"
    )
    write(canvas, path, {"Title": title, "Description": footnote})


def chosen(rows: Sequence[dict[str, Any]], **wanted: int) -> list[dict[str, Any]]:
    """Rows that have some values."""
    return [row for row in rows if all(row[name] == value for name, value in wanted.items())]


def doublings(rows: Sequence[dict[str, Any]]) -> list[float]:
    """Weight at distance 0, 1, 2 to 3, 4 to 7, and so on.

    >>> doublings([{"distance": distance, "mass": 1.0} for distance in range(8)])
    [1.0, 1.0, 2.0, 4.0]
    """
    sums = [0.0] * max(int(row["distance"]).bit_length() + 1 for row in rows)
    for row in rows:
        sums[int(row["distance"]).bit_length()] += row["mass"]
    return sums


def _panel(axes: Axes, rows: Sequence[dict[str, Any]], lengths: Sequence[int], pe: str) -> None:
    """The weight of one head by distance, a line a length."""
    bins = max(int(row["distance"]) for row in rows).bit_length() + 1
    for index, length in enumerate(lengths):
        mine = chosen(rows, length=length)
        sums = doublings(mine)
        axes.plot(
            range(len(sums)),
            sums,
            color=colour(pe) if index or len(lengths) == 1 else GREY,
            linestyle=LINES[index],
            linewidth=1.0,
            marker="o" if index else "s",
            markersize=1.8,
            markeredgewidth=0,
            label=f"length {length} ({mine[0]['split'].upper()})",
            clip_on=False,
        )
    axes.set_ylim(0, 1)
    axes.set_xlim(-0.4, bins - 0.6)
    axes.set_yticks([0, 0.5, 1], ["0", ".5", "1"])
    every = 2 if bins > 5 else 1  # noqa: PLR2004
    shown = range(0, bins, every)
    axes.set_xticks(list(shown), [str(2**index // 2) for index in shown])
    axes.tick_params(labelsize=5, length=1.5, width=0.4, pad=1.5)
    axes.grid(visible=True, axis="y", color="#DDDDDD", linewidth=0.4)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_linewidth(0.5)


def _named(axes: Axes, rows: Sequence[dict[str, Any]], lengths: Sequence[int], *, loops: bool) -> None:
    """Which head it is, and how much of its weight is on the answer's source."""
    first = rows[0]
    name = f"{first['layer']}.{first['head']}" + (f" loop {first['loop']}" if loops else "")
    axes.set_title(name, size=6, loc="left", pad=1.5, weight="bold")
    shares = [chosen(rows, length=length)[0] for length in lengths]
    if all(row["source_mass"] is not None for row in shares):
        text = " → ".join(f"{row['source_mass']:.2f}" for row in shares)
        axes.text(1, 1.04, text, size=5.5, color=GREY, ha="right", va="bottom", transform=axes.transAxes)
