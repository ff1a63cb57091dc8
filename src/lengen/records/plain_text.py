"""Names that come from files of others, made harmless: in a terminal, and in a spreadsheet."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""Characters that move the cursor, change colours or the direction of writing; not the tab and the newline."""
FORMULA = re.compile(r"\s*[=+@-](?!\d*\.?\d+(e[+-]?\d+)?\s*$)", re.IGNORECASE)
"""What a spreadsheet would compute; a number with a sign is none."""


def visible(text: str) -> str:
    r"""Return a text with control characters as escapes.

    >>> print(visible("a\x1b[31m"))
    a\x1b[31m
    """
    return CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def on_one_line(text: str) -> str:
    r"""Return a name, such as that of a folder, with control characters and ends of lines as escapes.

    >>> print(on_one_line("a\nb"))
    a\nb
    """
    return visible(text).replace("\n", "\\n").replace("\t", "\\t")


def harmless(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return rows of a CSV whose texts no spreadsheet takes for formulas: those have an apostrophe in front.

    >>> harmless([{"cell": "=HYPERLINK(1)", "least": "-1", "area": -1.5}])
    [{'cell': "'=HYPERLINK(1)", 'least': '-1', 'area': -1.5}]
    """
    return [{name: _harmless(value) for name, value in row.items()} for row in rows]


def _harmless(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    text = visible(value)
    return f"'{text}" if FORMULA.match(text) else text
