"""The style of a cell in every figure of a comparison: its own colour or that of its encoding, and the encoding's marker; cells of the same encoding differ in dashes.

If all cells have one encoding and mixer, or an encoding has more cells than there are dashes, the cells are not distinguished by
encoding: each then gets its own colour and marker. If cells of one encoding have different mixers, each mixer with its encoding has a colour and a marker.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.lines import Line2D

from lengen.comparison.grouping import Cell, Panel, pooled
from lengen.report.colour import DISTINCT, colour, marker

DASHES: tuple[Any, ...] = ("-", (0, (2.6, 2.2)), (0, (1.0, 1.6)), (0, (5, 1.8, 1.2, 1.8)))
MOST = 12
"""Maximum number of cells on one pair of axes, so that readers can distinguish them."""


@dataclass(frozen=True)
class Style:
    """Colour, marker and dashes of a cell."""

    colour: str
    marker: str
    dashes: Any

    def handle(self) -> Line2D:
        """Return the legend handle of the cell."""
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


def styles(panels: Sequence[Panel]) -> dict[str, Style]:
    """Return the style of each cell of a comparison, by name; it is the same whichever of its panels are given.

    Args:
        panels: some panels of a comparison.
    """
    cells = panels[0].compared or pooled(panels)
    pairs = [(cell.pe, mixer(cell)) for cell in cells]
    mixed = len({*pairs}) > len({cell.pe for cell in cells})
    groups: list[Any] = pairs if mixed else [cell.pe for cell in cells]
    alike = Counter(groups)
    if len(alike) == 1 < len(cells) or max(alike.values(), default=0) > len(DASHES):
        groups, mixed = [cell.name for cell in cells], True
    own = {group: index for index, group in enumerate(dict.fromkeys(groups))}
    seen: Counter[Any] = Counter()
    by_name = {}
    for cell, group in zip(cells, groups, strict=True):
        turn, place = divmod(own[group], len(DISTINCT))
        tint, mark = DISTINCT[place] if mixed else (colour(cell.pe), marker(cell.pe))
        dashes = DASHES[(seen[group] + turn * mixed) % len(DASHES)]
        by_name[cell.name] = Style(cell.colour or tint, mark, dashes)
        seen[group] += 1
    return by_name


def mixer(cell: Cell) -> str:
    """Name of a cell's mixer; runs of earlier versions have none, and attend."""
    return str(cell.runs[0].config["labels"].get("mixer", "attention"))


def legend(cells: Sequence[Cell], looks: Mapping[str, Style]) -> list[tuple[Line2D, str]]:
    """Return legend entries: name of the cell, number of seeds, and number of trained seeds if not all are trained."""
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
    """Return the cells that a figure draws, and a remark if some are omitted."""
    cells = [cell for cell in panel.cells if cell.curves]
    if len(cells) <= MOST:
        return cells, ""
    return cells[:MOST], f" The first {MOST} of {len(cells)} cells are drawn; table.csv has them all."
