"""Lines and tables on a terminal, adapted to its width and character set."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from lengen.records.plain_text import visible

Block = tuple[str, Sequence[str], Sequence[Sequence[str]]]
"""A table of a document: caption, header, rows."""
NONE = "—"
"""Shown in place of a missing value."""
ASCII = str.maketrans({"│": "|", "─": "-", NONE: "-", **dict.fromkeys("┌┐└┘├┤┬┴┼", "+")})


def ascii_only(console: Console) -> bool:
    """Whether the terminal can only print ASCII."""
    return not console.encoding.lower().startswith("utf")


def printable(text: str, console: Console) -> str:
    """Replace characters that the terminal cannot print."""
    text = visible(text)
    if not ascii_only(console):
        return text
    return text.translate(ASCII).encode(console.encoding, "replace").decode(console.encoding)


def say(console: Console, *lines: str, style: str = "") -> None:
    """Print lines without markup or wrapping."""
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
    """Build a table with as many columns as fit the terminal.

    Args:
        console: the terminal.
        rows: rows as cells by column, at least one; all rows have the same columns.
        dispensable: columns that a narrow terminal omits, in the order of omission.
        left: left-aligned columns; the others are right-aligned.
        sections: indices of rows that are followed by a rule.
    """
    options = console.options.update(width=1000)
    kept = list(rows[0])
    for dropped in (None, *dispensable):
        kept = [name for name in kept if name != dropped]
        result = _table(console, [{name: row[name] for name in kept} for row in rows], left, sections)
        if Measurement.get(console, options, result).maximum <= console.width:
            break
    return result


def _table(
    console: Console, rows: Sequence[Mapping[str, str]], left: Collection[str], sections: Collection[int]
) -> Table:
    """Build a table with all columns; a header wider than its cells is broken at spaces."""
    result = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for name in rows[0]:
        fits = len(name) <= max(len(row[name]) for row in rows)
        result.add_column(
            name if fits else name.replace(" ", "\n"),
            justify="left" if name in left else "right",
            overflow="fold",
        )
    for index, row in enumerate(rows):
        cells = (Text(printable(cell, console)) for cell in row.values())
        result.add_row(*cells, end_section=index in sections)
    return result
