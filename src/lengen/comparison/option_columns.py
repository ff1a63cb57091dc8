"""The options in which the compared cells differ, as columns of the CSV files of a comparison."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lengen.comparison.cell_names import differences
from lengen.comparison.grouping import Study
from lengen.comparison.run_record import BETWEEN, MISSING, RunRecord


def option_columns(study: Study) -> tuple[str, ...]:
    """Return the options that name the cells, those of which values were picked, and those in which cells differ."""
    cells = [cell.runs[0] for panel in study.panels for cell in panel.cells]
    different = [key for each in differences(cells) for key in each]
    return tuple(dict.fromkeys([*study.by, *study.best, *different]))


def option_values(runs: Iterable[RunRecord], keys: Sequence[str]) -> dict[str, str]:
    """Return the values of some options; empty for an option that the runs do not have."""
    every = list(runs)
    return {
        key: BETWEEN.join(dict.fromkeys(value for run in every if (value := run.value(key)) != MISSING))
        for key in keys
    }
