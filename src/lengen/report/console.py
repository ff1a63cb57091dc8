"""Lines and tables on a terminal, adapted to its width and character set."""

from __future__ import annotations

from bisect import bisect_left
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
WRAPPED = 28
"""Characters of a line of a text in a table, where not all columns fit the terminal otherwise."""
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
    wide: Sequence[str] = (),
    left: Collection[str] = (),
    sections: Collection[int] = (),
) -> Table:
    """Build a table with as many columns as fit the terminal.

    Where not all fit on one line a row, long texts are broken at spaces, first those of left-aligned columns.

    Args:
        console: the terminal.
        rows: rows as cells by column, at least one; all rows have the same columns.
        dispensable: columns that a narrow terminal omits, in the order of omission.
        wide: columns that it omits only before numbers are broken, in the order of omission.
        left: left-aligned columns; the others are right-aligned.
        sections: indices of rows that are followed by a rule.
    """
    options, kept = console.options.update(width=1000), list(rows[0])

    def made(broken: Collection[str] = (), most: int = WRAPPED) -> Table:
        cells = [{name: row[name] for name in kept} for row in rows]
        return _table(console, cells, left, sections, broken, most)

    def fits(result: Table) -> bool:
        return Measurement.get(console, options, result).maximum <= console.width

    if fits(result := made()):
        return result
    beside = [name for name in kept[1:] if name in left]
    for dropped in (None, *dispensable):
        kept = [name for name in kept if name != dropped]
        if fits(result := made(beside)):
            return result
    for broken, omitted in ((left, (None, *wide)), (kept, (None,))):
        for dropped in omitted:
            kept = [name for name in kept if name != dropped]
            if fits(result := made(broken, 1)):
                widest = bisect_left(range(1, WRAPPED), True, key=lambda most: not fits(made(broken, most)))
                return made(broken, widest)
    return result


def _table(
    console: Console,
    rows: Sequence[Mapping[str, str]],
    left: Collection[str],
    sections: Collection[int],
    broken: Collection[str],
    most: int,
) -> Table:
    """Build a table with all columns; a header wider than its cells is broken at spaces.

    Args:
        console: the terminal.
        rows: see `table`.
        left: see `table`.
        sections: see `table`.
        broken: columns whose long texts are broken at spaces.
        most: characters of a line of these, but for longer words.
    """
    result = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for name in rows[0]:
        texts = [row[name] for row in rows]
        widest = max(map(len, (*texts, *name.split())))
        if name in broken:
            widest = min(widest, max(most, *(len(word) for text in (name, *texts) for word in text.split())))
        result.add_column(
            name if len(name) <= widest else name.replace(" ", "\n"),
            justify="left" if name in left else "right",
            overflow="fold",
            max_width=widest if name in broken else None,
        )
    for index, row in enumerate(rows):
        cells = (Text(printable(cell, console)) for cell in row.values())
        result.add_row(*cells, end_section=index in sections)
    return result
