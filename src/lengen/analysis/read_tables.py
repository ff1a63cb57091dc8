"""The tables of a read-out, from disk to the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lengen.records.curve import read_csv


def load_tables(folder: Path, names: Iterable[str]) -> dict[str, list[dict[str, Any]]]:
    """Read the tables of a folder; numbers as numbers, empty fields as None.

    Args:
        folder: of the evaluation.
        names: of the tables, without `.csv`.
    """
    return {name: read_csv(folder / f"{name}.csv") for name in names}


def aligned(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    r"""Return rows as lines with aligned columns, under a line of names.

    >>> print(*aligned([{"length": 10, "weight": 0.51234}, {"length": 5, "weight": None}]), sep="\n")
    length  weight
        10  0.512
         5  -
    """
    if not rows:
        return []
    names = list(rows[0])
    cells = [names, *([_cell(row[name]) for name in names] for row in rows)]
    widths = [max(len(line[index]) for line in cells) for index in range(len(names))]
    return [
        "  ".join(
            text.rjust(width) if index == 0 else text.ljust(width)
            for index, (text, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in cells
    ]


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.3g}" if isinstance(value, float) else str(value)
