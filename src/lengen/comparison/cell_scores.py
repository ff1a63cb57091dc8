"""Scores of a cell: seeds x lengths, and one number a seed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from lengen.comparison.grouping import Cell
from lengen.records.curve import Row
from lengen.statistics.intervals import THRESHOLDS
from lengen.statistics.scores import area

Metric = Literal["exact_match", "token_accuracy", "loss", "first_error", "seconds", "peak_bytes"]
METRICS: tuple[str, ...] = get_args(Metric)
SHARES = ("exact_match", "token_accuracy")
"""Metrics of which a run that diverged has 0."""
Floats = npt.NDArray[np.float64]
Gate = Literal["all", "trained"]
"""Which runs of a cell count: all that were tried, or those that are trained."""
GATES: tuple[Gate, ...] = get_args(Gate)


def gate(cell: Cell, runs: str) -> Cell:
    """The cell itself, or its trained runs alone."""
    return cell.gated() if runs == "trained" else cell


def lengths(cell: Cell) -> tuple[int, ...]:
    """Lengths at which every run of a cell was evaluated."""
    common = [set(curve.lengths) for curve in cell.curves]
    return tuple(sorted(set.intersection(*common))) if common else ()


def beyond(cell: Cell) -> tuple[int, ...]:
    """Those of them that are longer than any trained one."""
    return tuple(
        length
        for length in lengths(cell)
        if length > max(int(run.config["train_length"]) for run in cell.runs)
    )


def matrix(cell: Cell, metric: str, at: Sequence[int]) -> Floats:
    """A metric, seeds x lengths. A run that diverged has 0 of a share, and no number of anything else."""
    nothing = 0.0 if metric in SHARES else np.nan
    rows = []
    for run in cell.runs:
        by_length = {row.length: row for row in run.curve.rows}
        rows.append([_number(by_length.get(length), metric, nothing) for length in at])
    return np.asarray(rows, dtype=float).reshape(len(cell.runs), len(at))


def _number(row: Row | None, metric: str, nothing: float) -> float:
    """One value of one row; NaN where there is none."""
    value = nothing if row is None else getattr(row, metric)
    return float("nan") if value is None else float(value)


def quartiles(values: Floats) -> Floats:
    """Lower quartile, median and upper quartile over seeds (rows), NaN at a length where no seed has a value."""
    known = ~np.isnan(values).all(axis=0)
    found = np.full((3, values.shape[1]), np.nan)
    if known.any():
        found[:, known] = np.nanpercentile(values[:, known], [25, 50, 75], axis=0)
    return found


def costs(cell: Cell, at: Sequence[int]) -> Floats:
    """Milliseconds an example, and MiB at the peak: medians over the seeds that have a curve, at lengths all of them have."""
    rows = [[curve[length] for length in at] for curve in cell.curves]
    if not rows:
        return np.full((2, len(at)), np.nan)
    spent = [[[1000 * row.seconds / row.examples, row.peak_bytes / 2**20] for row in seed] for seed in rows]
    found: Floats = np.median(np.asarray(spent, dtype=float).reshape(len(rows), len(at), 2), axis=0).T
    return found


def areas(cell: Cell) -> list[float]:
    """Area under exact match of every seed, in doublings; 0 of a run that diverged."""
    at = lengths(cell)
    train = int(cell.runs[0].config["train_length"]) if cell.runs else 1
    values = matrix(cell, "exact_match", at)
    return [area(at, row, train) if at else 0.0 for row in values.tolist()]


def reaches(cell: Cell, threshold: float) -> list[int]:
    """The reach of every seed; 0 where it has none."""
    return [run.curve.reach(threshold) or 0 for run in cell.runs]


def factors(cell: Cell, threshold: float = THRESHOLDS[0]) -> list[float]:
    """The reach of every seed over its train length."""
    trained = [int(run.config["train_length"]) for run in cell.runs]
    return [reach / train for reach, train in zip(reaches(cell, threshold), trained, strict=True)]
