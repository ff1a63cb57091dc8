"""Several curves of one run in the terminal, such as those of its stress sets: a line each, or all in one."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping
from pathlib import Path

from lengen.records.curve import Curve
from lengen.records.plain_text import on_one_line
from lengen.report.terminal import from_here, summary
from lengen.statistics.formats import floored

WIDTH = 100
"""Most columns of a line, but for a longer path."""
HASH = re.compile(r"-[0-9a-f]{8}$")
"""End of the name of an evaluation's folder."""


def of_each(curves: Mapping[str, Curve], run: Path) -> list[str]:
    """Describe each curve, and say where their folders are.

    Args:
        curves: by the name of its folder, each with at least one row.
        run: the folder of the run.
    """
    described = {name: summary(curve, measurable=True) for name, curve in curves.items()}
    return [*listed(described), f"files: {from_here(run / 'eval')}"]


def listed(described: Mapping[str, str]) -> list[str]:
    """Write names and what is said of each in lines of at most `WIDTH` columns.

    >>> listed({"depth=0.50-f4dcb0a6": "exact match 0.998 at 30"})
    ['  depth=0.50-f4dcb0a6: exact match 0.998 at 30']
    """
    return [
        line
        for name, text in described.items()
        for line in textwrap.wrap(
            f"{on_one_line(name)}: {text}",
            WIDTH,
            initial_indent="  ",
            subsequent_indent="      ",
            break_long_words=False,
            break_on_hyphens=False,
        )
    ]


def ends(curves: Mapping[str, Curve]) -> str:
    """Describe several curves in a line: exact match at the last length of each; an empty text of none.

    Args:
        curves: by name, or by the name of its folder.
    """
    lasts = {name: curve.rows[-1] for name, curve in curves.items()}
    lengths = {row.length for row in lasts.values()}
    shares = ", ".join(
        f"{HASH.sub('', name)} {floored(row.exact_match)}{f' at {row.length}' if len(lengths) > 1 else ''}"
        for name, row in lasts.items()
    )
    return f"exact match{f' at {lengths.pop()}' if len(lengths) == 1 else ''}: {shares}" if lasts else ""
