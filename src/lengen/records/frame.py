"""Rows as a data frame of pandas, which is imported where it is used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def frame(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> Any:
    """Rows as a data frame.

    Args:
        rows: of one table.
        columns: in their order; empty takes those of the rows.

    Raises:
        ImportError: pandas is not installed.
    """
    try:
        import pandas
    except ImportError:
        raise ImportError("data frames need pandas: pip install pandas") from None
    return pandas.DataFrame(list(rows), columns=list(columns) or None)
