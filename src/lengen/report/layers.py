"""Distance between the attention of a run and of other runs, by layer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.lines import Line2D

from lengen.report.axes import plain
from lengen.report.colour import colour, marker
from lengen.report.sheet import LEFT, Sheet

PLOT, NAME, GAP = 1.1, 0.16, 0.14
"""Inches: height of the axes, of the name above them, space between panels."""


def draw(rows: Sequence[dict[str, Any]], path: Path, *, title: str, footnote: str) -> None:
    """Draw distance over layers: one line per run, and one panel each for the shortest and the longest length.

    Args:
        rows: rows of `distance.csv`.
        path: path of the file, in an existing folder.
        title: title above the panels.
        footnote: note in small type below the panels.
    """
    lengths = sorted({row["length"] for row in rows})
    lengths = list(dict.fromkeys((lengths[0], lengths[-1])))
    pes = {_name(row): row["against_pe"] for row in rows}
    sheet = Sheet(
        title,
        footnote,
        [(Line2D([], [], **_look(pe)), f"against {name}") for name, pe in pes.items()],
        plot=PLOT,
        strip=NAME,
        indent=LEFT,
        across=len(lengths),
        gap=(0, GAP),
    )
    top = max(0.05, max(row["distance"] for row in rows) * 1.1)
    for index, (axes, length) in enumerate(zip(sheet.grid[0], lengths, strict=True)):
        at_length = [row for row in rows if row["length"] == length]
        for run in dict.fromkeys(_run(row) for row in at_length):
            of_run = [row for row in at_length if _run(row) == run]
            distances = [row["distance"] for row in of_run]
            axes.plot(range(1, len(of_run) + 1), distances, **_look(of_run[0]["against_pe"]), clip_on=False)
        axes.set_title(f"length {length} ({at_length[0]['split'].upper()})", size=6, loc="left", pad=2)
        axes.set_ylim(0, top)
        axes.set_xticks(range(1, len(of_run) + 1))
        axes.set_xlim(0.8, len(of_run) + 0.2)
        axes.set_xlabel(
            "layer" if at_length[-1]["loop"] == 1 else "layer, over all loops", size=7, labelpad=2
        )
        plain(axes)
        axes.tick_params(labelleft=not index)
    sheet.axes.set_ylabel("distance (bits)", size=7, labelpad=2)
    sheet.save(path)


def _look(pe: str) -> dict[str, Any]:
    """Return the line style of an encoding."""
    return {
        "color": colour(pe),
        "marker": marker(pe),
        "markersize": 3,
        "markeredgewidth": 0,
        "linewidth": 1,
    }


def _name(row: dict[str, Any]) -> str:
    """Return the name of a line: the encoding, and the positions unless they are contiguous."""
    plain = row["against_positions"] == "contiguous"
    return str(row["against_pe"] if plain else f"{row['against_pe']}, {row['against_positions']}")


def _run(row: dict[str, Any]) -> tuple[str, int]:
    return row["against_cell"], row["against_seed"]
