"""Distance between the attention of a run and of other runs, by layer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.lines import Line2D

from lengen.report.axes import plain
from lengen.report.colour import MARKERS, colour, marker
from lengen.report.paper import COLUMN, Paper
from lengen.report.sheet import LEFT, Sheet
from lengen.report.styles import DASHES

PLOT, NAME, GAP = 1.1, 0.16, 0.14
"""Inches: height of the axes, of the name above them, space between panels."""


Run = tuple[str, int]
"""Cell and seed of a run."""


def draw(
    rows: Sequence[dict[str, Any]], path: Path, *, title: str, footnote: str, paper: Paper = COLUMN
) -> None:
    """Draw distance over layers: one line per run, and one panel each for the shortest and the longest length.

    Args:
        rows: rows of `distance.csv`.
        path: path of the file, in an existing folder.
        title: title above the panels.
        footnote: note in small type below the panels.
        paper: where it is printed.
    """
    lengths = sorted({row["length"] for row in rows})
    lengths = list(dict.fromkeys((lengths[0], lengths[-1])))
    looks = _looks(rows)
    sheet = Sheet(
        title,
        footnote,
        [(Line2D([], [], **look), look["label"]) for look in looks.values()],
        plot=PLOT,
        strip=NAME,
        indent=LEFT,
        across=len(lengths),
        gap=(0, GAP),
        paper=paper,
    )
    top = max(0.05, max(row["distance"] for row in rows) * 1.1)
    for index, (axes, length) in enumerate(zip(sheet.grid[0], lengths, strict=True)):
        at_length = [row for row in rows if row["length"] == length]
        for run in dict.fromkeys(_run(row) for row in at_length):
            of_run = [row for row in at_length if _run(row) == run]
            distances = [row["distance"] for row in of_run]
            axes.plot(range(1, len(of_run) + 1), distances, **looks[run], clip_on=False)
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


def _looks(rows: Sequence[dict[str, Any]]) -> dict[Run, dict[str, Any]]:
    """Return label and line style of every run: the colour of its encoding; runs of one encoding differ in their dashes."""
    first = {_run(row): row for row in reversed(rows)}
    names = Counter(_name(row) for row in first.values())
    cells = {name: {run[0] for run, row in first.items() if _name(row) == name} for name in names}
    seen: Counter[str] = Counter()
    looks: dict[Run, dict[str, Any]] = {}
    for run in dict.fromkeys(map(_run, rows)):
        name, pe = _name(first[run]), first[run]["against_pe"]
        parts = [name]
        parts += [f"cell {run[0]}"] if len(cells[name]) > 1 else []
        parts += [f"seed {run[1]}"] if names[name] > 1 else []
        index = seen[pe]
        seen[pe] += 1
        looks[run] = {
            "label": f"against {', '.join(parts)}",
            "color": colour(pe),
            "linestyle": DASHES[index % len(DASHES)],
            "marker": (marker(pe), *MARKERS)[index // len(DASHES) % (1 + len(MARKERS))],
            "markersize": 3,
            "markeredgewidth": 0,
            "linewidth": 1,
        }
    return looks


def _name(row: dict[str, Any]) -> str:
    """Return the name of a cell: the encoding, and the positions unless they are contiguous."""
    plain = row["against_positions"] == "contiguous"
    return str(row["against_pe"] if plain else f"{row['against_pe']}, {row['against_positions']}")


def _run(row: dict[str, Any]) -> Run:
    return row["against_cell"], row["against_seed"]
