"""How a cell looks in every figure: colour and marker of its encoding; cells of one encoding differ in their dashes.

Where one encoding has more cells than there are dashes, what is compared is something else: each cell then has a colour
and a marker of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.lines import Line2D

from lengen.comparison.grouping import Cell, Panel
from lengen.report.colour import DISTINCT, colour, marker

DASHES: tuple[Any, ...] = ("-", (0, (4, 1.5)), (0, (1.2, 1.2)), (0, (5, 1.5, 1.2, 1.5)))
MOST = 12
"""Cells that one pair of axes can show and a reader can tell apart."""


@dataclass(frozen=True)
class Style:
    """Colour, marker and dashes of a cell."""

    colour: str
    marker: str
    dashes: Any

    def handle(self) -> Line2D:
        """What stands for it in a legend."""
        return Line2D(
            [],
            [],
            color=self.colour,
            marker=self.marker,
            linestyle=self.dashes,
            linewidth=1.3,
            markersize=3.2,
            markeredgewidth=0,
        )


def styles(cells: Sequence[Cell]) -> dict[str, Style]:
    """One for each cell, by its name.

    Args:
        cells: all cells of a panel, so that one that only some figures draw looks alike in each.
    """
    if max(Counter(cell.pe for cell in cells).values(), default=0) > len(DASHES):
        return {
            cell.name: Style(*DISTINCT[index % len(DISTINCT)], DASHES[index // len(DISTINCT) % len(DASHES)])
            for index, cell in enumerate(cells)
        }
    seen: Counter[str] = Counter()
    found = {}
    for cell in cells:
        found[cell.name] = Style(colour(cell.pe), marker(cell.pe), DASHES[seen[cell.pe] % len(DASHES)])
        seen[cell.pe] += 1
    return found


def legend(cells: Sequence[Cell], looks: Mapping[str, Style]) -> list[tuple[Line2D, str]]:
    """An entry for each cell: its name, the seeds tried, and how many of them are trained if not all are."""
    entries = []
    for cell in cells:
        trained = cell.gated().tried
        untrained = "" if trained == cell.tried else f", {trained} trained"
        entries.append(
            (
                looks[cell.name].handle(),
                f"{cell.name} ({cell.tried} seed{'s' * (cell.tried != 1)}{untrained})",
            )
        )
    return entries


def shown(panel: Panel) -> tuple[list[Cell], str]:
    """The cells that a figure draws, and a remark if these are not all."""
    cells = [cell for cell in panel.cells if cell.curves]
    if len(cells) <= MOST:
        return cells, ""
    return cells[:MOST], f" The first {MOST} of {len(cells)} cells are drawn; table.csv has them all."
