"""How the figures of a comparison look: the keys of `style` in `configs/compare.yaml`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from itertools import accumulate
from pathlib import Path
from typing import TypeVar

from matplotlib.colors import is_color_like, to_hex

from lengen.comparison.grouping import Cell, Panel, Study
from lengen.config.errors import UsageError, require
from lengen.records.plain_text import visible
from lengen.report.paper import PrintStyle
from lengen.report.vertical import Scale, Y

SAID = 160
"""Maximum number of characters of the names that an error lists."""


@dataclass(frozen=True)
class FigureStyle(PrintStyle):
    """Looks of figures, and the names, colours and order of cells in figures, tables and page.

    Args:
        width: see `PrintStyle`.
        font: see `PrintStyle`.
        title: see `PrintStyle`.
        note: see `PrintStyle`.
        colours: colour of each cell, by name; None and others: the colour of the encoding.
        order: names of cells or tasks that come first, in this order.
        names: labels of cells and tasks in place of their names.
        y: what the figures of curves draw: the metric, or its error.
        scale: scale of that axis; None: logarithmic for seconds and bytes, otherwise linear.
        together: also draw all tasks on one pair of axes.
    """

    colours: Mapping[str, str] | None = None
    order: list[str] | None = None
    names: Mapping[str, str] | None = None
    y: Y = "value"
    scale: Scale | None = None
    together: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        for cell, colour in (self.colours or {}).items():
            require(
                is_color_like(colour) and to_hex(colour, keep_alpha=True)[7:] == "ff",
                f"style.colours: {cell}: {colour}: must be an opaque colour that matplotlib knows, such as #0072B2, black or tab:blue",
            )
        for name, label in (self.names or {}).items():
            require(
                bool(label.strip()) and label == visible(label),
                f"style.names: {name}: {label!r}: must be a text to be shown",
            )
        twice = [name for name, count in Counter(self.order or ()).items() if count > 1]
        require(not twice, f"style.order: {', '.join(twice)}: must be named once")

    def label(self, name: str) -> str:
        """Return the label of a cell or task."""
        return (self.names or {}).get(name, name)

    def dress(self, study: Study) -> Study:
        """Return a study with the labels, colours and order of this style.

        Raises:
            UsageError: a name is that of no cell or task, or two would have the same label.
        """
        cells = list(dict.fromkeys(cell.name for panel in study.panels for cell in panel.cells))
        tasks = [panel.name for panel in study.panels]
        excluded = {
            part for run in study.left_out for part in Path(run.place).parts[-4:-2]
        }  # task and encoding
        _check_names("style.colours", self.colours or (), cells, excluded)
        _check_names("style.order", self.order or (), [*cells, *tasks], excluded)
        _check_names("style.names", self.names or (), [*cells, *tasks], excluded)
        for group in (cells, tasks):
            labels = Counter(map(self.label, group))
            for label in (label for label, count in labels.items() if count > 1):
                same = " and ".join(name for name in group if self.label(name) == label)
                raise UsageError(f"style.names: {same}: must not both be {label!r}")
        place = {name: index for index, name in enumerate(self.order or ())}
        panels = [
            Panel(
                self.label(panel.name),
                tuple(map(self._dressed, _sorted(panel.cells, place))),
                tuple(map(self._note, panel.notes)),
                tuple(map(self._dressed, _sorted(panel.compared, place))),
            )
            for panel in _sorted(study.panels, place)
        ]
        return replace(study, panels=tuple(panels))

    def _note(self, note: str) -> str:
        """Return a note, which may begin with the name of a cell, with the cell's label."""
        name, colon, rest = note.partition(": ")
        return f"{self.label(name)}{colon}{rest}"

    def _dressed(self, cell: Cell) -> Cell:
        """Return a cell with its label and colour."""
        colour = (self.colours or {}).get(cell.name)
        return replace(cell, name=self.label(cell.name), colour=to_hex(colour) if colour else None)


Named = TypeVar("Named", Cell, Panel)


def _sorted(parts: Iterable[Named], place: Mapping[str, int]) -> list[Named]:
    """Return the parts that have a place in its order, and the others as they were after them."""
    return sorted(parts, key=lambda part: place.get(part.name, len(place)))


def _check_names(option: str, given: Iterable[str], known: list[str], excluded: Collection[str]) -> None:
    """Refuse a name that is not known, unless it is that of runs that are excluded, as those are that have not ended yet."""
    for name in given:
        if name not in known and name.partition(" (")[0] not in excluded:
            begun = [each for each in known if each.startswith(name)]
            near = begun[:2] or get_close_matches(name, known, 1, 0.6)
            hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
            allowed = _listed(known, begun or near)
            raise UsageError(f"{option}: {name}: there is no such cell or task{hint} (allowed: {allowed})")


def _listed(names: list[str], first: list[str]) -> str:
    """List names; of too many, whole names as long as they fit, and those that are likely meant first."""
    if len(", ".join(names)) <= SAID:
        return ", ".join(names)
    ordered = [*first, *(name for name in names if name not in first)]
    lengths = accumulate(len(name) + 2 for name in ordered)
    shown = max(1, sum(length <= SAID for length in lengths))
    return f"{', '.join(ordered[:shown])} and {len(ordered) - shown} more"
