"""The error laws of a cell: which laws its seeds follow, and the medians over those of the most frequent one."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from lengen.comparison.run_record import BETWEEN, RunRecord
from lengen.records.error_law import QUANTITIES, ErrorLaw
from lengen.statistics.reaches import median_interval


def law_columns(runs: Sequence[RunRecord]) -> dict[str, Any]:
    """Return the columns of a summary that describe the error laws of a cell's seeds; empty if no run has any.

    Seeds of other laws do not enter the medians: the growth of a power and that of a power above a floor are not one quantity.
    """
    found = [law for run in runs if (law := ErrorLaw.of(run.facts)) is not None]
    if not found:
        return {}
    columns: dict[str, Any] = {"laws": _counted(law.reason for law in found)}
    names = [law.law for law in found if law.law]
    if not names:
        return columns
    (most, _), *_ = _ordered(names)
    laws = [law for law in found if law.law == most]
    columns |= {"law": most, "errors_follow": _counted(str(law.errors_follow) for law in laws)}
    for name in QUANTITIES:
        if values := [value for law in laws if (value := _value(law, name)) is not None]:
            middle = median_interval(values)
            bounds = {name: middle.value, f"{name}_low": middle.low, f"{name}_high": middle.high}
            columns |= {key: each for key, each in bounds.items() if each is not None and math.isfinite(each)}
    return columns


def _value(law: ErrorLaw, name: str) -> float | None:
    """Return an estimate of a seed; infinity for a half length beyond the sweep, 0 for one below its first length."""
    estimate = getattr(law, name)
    if estimate is None and name == "half_length" and law.predicted:
        return math.inf if law.predicted[max(law.predicted)] > 0.5 else 0.0  # noqa: PLR2004
    return None if estimate is None else float(estimate.value)


def _counted(names: Iterable[str]) -> str:
    """Return names with their numbers, the most frequent first."""
    return BETWEEN.join(f"{name} {count}" for name, count in _ordered(names))


def _ordered(names: Iterable[str]) -> list[tuple[str, int]]:
    """Return names with their numbers, the most frequent first and equally frequent ones by name."""
    return sorted(Counter(names).items(), key=lambda each: (-each[1], each[0]))
