"""Text in lines that fit the terminal."""

from __future__ import annotations

import re
import shutil
import textwrap
from collections.abc import Iterable

NARROWEST, WIDEST = 40, 120
"""Characters of a line: a narrower terminal breaks lines itself, and longer lines are hard to read."""


def width() -> int:
    """Characters of a line: those of the terminal (or `COLUMNS`), 80 where the output is no terminal."""
    return min(max(shutil.get_terminal_size((80, 24)).columns, NARROWEST), WIDEST)


def wrapped(text: str, indent: int = 0, columns: int = 80) -> list[str]:
    """Break a text into lines with an indent; its paragraphs and the items of its lists stay apart."""
    lines = list[str]()
    for paragraph in re.split(r"\n\s*\n", text):
        lines += [""] * bool(lines)
        for part in re.split(r"\n(?=- )", paragraph):
            hanging = " " * (indent + 2 * part.startswith("- "))
            lines += _filled(" ".join(part.split()), " " * indent, hanging, columns)
    return lines


def entries(pairs: Iterable[tuple[str, str]], indent: int = 2, columns: int = 80) -> list[str]:
    """Lines of a list of names with what is said of each: beside the name, further lines below what is said.

    A name that is longer than a third of the line has a line of its own.
    """
    pairs = [*pairs]
    most = max(columns // 3, 12)
    edge = indent + 2 + max((len(name) for name, _ in pairs if len(name) <= most), default=0)
    lines = list[str]()
    for name, said in pairs:
        head = " " * indent + name
        if len(name) > most or not said:
            lines.append(head)
            head = ""
        if said:
            lines += _filled(said, f"{head:<{edge}}", " " * edge, columns)
    return lines


def _filled(text: str, first: str, others: str, columns: int) -> list[str]:
    return textwrap.wrap(
        text,
        columns,
        initial_indent=first,
        subsequent_indent=others,
        break_long_words=False,
        break_on_hyphens=False,
    )
