"""The distance of a run's attention to that of others, layer by layer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from lengen.report.colour import colour, marker
from lengen.report.figure import FOOTNOTE, LEFT, LEGEND, RIGHT, TITLE, WIDTH, inscribe, plain, write
from lengen.report.lines import wrap

PLOT, NAME, BELOW, ASIDE = 1.1, 0.16, 0.34, 0.14
"""Inches: height of the axes, the name above them, ticks and label under them, room between panels."""


def draw(rows: Sequence[dict[str, Any]], path: Path, *, title: str, footnote: str) -> None:
    """Draw distance over layers, a line a run, a panel for the shortest and one for the longest length.

    Args:
        rows: of `distance.csv`.
        path: where to; its folder must be there.
        title: above the panels.
        footnote: in small type under them.
    """
    lengths = sorted({row["length"] for row in rows})
    lengths = list(dict.fromkeys((lengths[0], lengths[-1])))
    names = list(dict.fromkeys(_name(row) for row in rows))
    room = WIDTH - LEFT - RIGHT
    titles, notes = wrap(title, room, 8, "bold"), wrap(footnote, WIDTH - 0.16, 5)
    head = 0.06 + TITLE * len(titles) + LEGEND * -(-len(names) // 3) + NAME
    height = head + PLOT + BELOW + FOOTNOTE * len(notes) + 0.05
    figure = Figure(figsize=(WIDTH, height), facecolor="white")
    canvas = FigureCanvasAgg(figure)
    width = (room + ASIDE) / len(lengths) - ASIDE
    top = max(0.05, max(row["distance"] for row in rows) * 1.1)
    for index, length in enumerate(lengths):
        left, low = LEFT + index * (width + ASIDE), height - head - PLOT
        axes = figure.add_axes((left / WIDTH, low / height, width / WIDTH, PLOT / height))
        here = [row for row in rows if row["length"] == length]
        for run in dict.fromkeys(_run(row) for row in here):
            mine = [row for row in here if _run(row) == run]
            axes.plot(
                range(1, len(mine) + 1),
                [row["distance"] for row in mine],
                color=colour(mine[0]["against_pe"]),
                marker=marker(mine[0]["against_pe"]),
                markersize=3,
                markeredgewidth=0,
                linewidth=1,
                label=_name(mine[0]),
                clip_on=False,
            )
        axes.set_title(f"length {length} ({here[0]['split'].upper()})", size=6, loc="left", pad=2)
        axes.set_ylim(0, top)
        axes.set_xticks(range(1, len(mine) + 1))
        axes.set_xlim(0.8, len(mine) + 0.2)
        axes.set_xlabel("layer" if here[-1]["loop"] == 1 else "layer, loop after loop", size=7, labelpad=2)
        plain(axes)
        axes.tick_params(labelleft=not index)
    figure.axes[0].set_ylabel("distance (bits)", size=7, labelpad=2)
    lines = dict(zip(*reversed(figure.axes[0].get_legend_handles_labels()), strict=True))
    figure.legend(
        handles=[lines[name] for name in names],
        labels=[f"against {name}" for name in names],
        loc="upper left",
        bbox_to_anchor=(LEFT / WIDTH, 1 - (0.05 + TITLE * len(titles)) / height),
        ncols=3,
        fontsize=6,
        frameon=False,
        borderaxespad=0,
        borderpad=0,
        columnspacing=1,
    )
    inscribe(figure, titles, notes)
    write(canvas, path, {"Title": title, "Description": footnote})


def _name(row: dict[str, Any]) -> str:
    """What a line is called: the encoding, and the positions if they are not the usual ones."""
    plain = row["against_positions"] == "contiguous"
    return str(row["against_pe"] if plain else f"{row['against_pe']}, {row['against_positions']}")


def _run(row: dict[str, Any]) -> tuple[str, int]:
    return row["against_cell"], row["against_seed"]
