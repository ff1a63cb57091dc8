"""Lines and tables on a terminal: as wide as it is, and with the characters that it can print."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

NONE = "—"
"""What stands where there is no value."""
ASCII = str.maketrans({"│": "|", "─": "-", NONE: "-", **dict.fromkeys("┌┐└┘├┤┬┴┼", "+")})


def ascii_only(console: Console) -> bool:
    """Whether the terminal cannot print more than ASCII."""
    return not console.encoding.lower().startswith("utf")


def printable(text: str, console: Console) -> str:
    """A text without characters that the terminal cannot print."""
    if not ascii_only(console):
        return text
    return text.translate(ASCII).encode(console.encoding, "replace").decode(console.encoding)


def say(console: Console, *lines: str, style: str = "") -> None:
    """Print lines without markup and wrapping."""
    for line in lines:
        console.print(Text(printable(line, console), style=style), soft_wrap=True, highlight=False)


def table(
    console: Console,
    rows: Sequence[Mapping[str, str]],
    *,
    dispensable: Sequence[str] = (),
    left: Collection[str] = (),
    sections: Collection[int] = (),
) -> Table:
    """A table with as many columns as the terminal is wide.

    Args:
        console: the terminal.
        rows: cells by the name of their column, at least one row; all have the same columns.
        dispensable: columns that a narrow terminal does without, the first to go first.
        left: columns of words; the others are aligned on the right.
        sections: indices of the rows that a rule follows.
    """
    options = console.options.update(width=1000)
    kept = list(rows[0])
    for dropped in (None, *dispensable):
        kept = [name for name in kept if name != dropped]
        drawn = _table(console, [{name: row[name] for name in kept} for row in rows], left, sections)
        if Measurement.get(console, options, drawn).maximum <= console.width:
            break
    return drawn


def _table(
    console: Console, rows: Sequence[Mapping[str, str]], left: Collection[str], sections: Collection[int]
) -> Table:
    """All columns; the words of a header stand below each other where its cells are narrower."""
    drawn = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for name in rows[0]:
        wide = len(name) <= max(len(row[name]) for row in rows)
        drawn.add_column(
            name if wide else name.replace(" ", "\n"),
            justify="left" if name in left else "right",
            overflow="fold",
        )
    for index, row in enumerate(rows):
        cells = (Text(printable(cell, console)) for cell in row.values())
        drawn.add_row(*cells, end_section=index in sections)
    return drawn
