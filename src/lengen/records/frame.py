"""Data frames. pandas is imported only when one is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def frame(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> Any:
    """Return rows as a pandas data frame.

    Args:
        rows: the rows of a table, by column.
        columns: the columns, in order; empty takes those of the rows.

    Raises:
        ImportError: pandas is not installed.
    """
    try:
        import pandas
    except ImportError:
        raise ImportError("data frames need pandas: pip install pandas") from None
    return pandas.DataFrame(list(rows), columns=list(columns) or None)
