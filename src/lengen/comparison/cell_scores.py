"""Scores of a cell: seeds x lengths, and one number per seed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from lengen.comparison.grouping import Cell
from lengen.records.curve import Row
from lengen.statistics.intervals import THRESHOLDS, measurable, reach

Metric = Literal["exact_match", "token_accuracy", "loss", "first_error", "seconds", "peak_bytes"]
METRICS: tuple[str, ...] = get_args(Metric)
SHARES = ("exact_match", "token_accuracy")
"""Metrics that are shares; a diverged run has 0."""
Floats = npt.NDArray[np.float64]
Gate = Literal["all", "trained"]
"""Which runs of a cell are counted: all of them, or only the trained ones."""
GATES: tuple[Gate, ...] = get_args(Gate)


def gate(cell: Cell, runs: str) -> Cell:
    """Return the cell with all of its runs, or only with its trained runs."""
    return cell.gated() if runs == "trained" else cell


def lengths(cell: Cell) -> tuple[int, ...]:
    """Return the lengths at which every run of a cell was evaluated; diverged runs are ignored."""
    common = [set(curve.lengths) for curve in cell.curves]
    return tuple(sorted(set.intersection(*common))) if common else ()


def ood_lengths(cell: Cell) -> tuple[int, ...]:
    """Return the lengths of a cell that are OOD: longer than every train length."""
    return tuple(
        length
        for length in lengths(cell)
        if length > max(int(run.config["train_length"]) for run in cell.runs)
    )


def matrix(cell: Cell, metric: str, at: Sequence[int]) -> Floats:
    """Return a metric as seeds x lengths. A diverged run has 0 for a share and NaN for any other metric."""
    missing = 0.0 if metric in SHARES else np.nan
    rows = []
    for run in cell.runs:
        by_length = {row.length: row for row in run.curve.rows}
        rows.append([_number(by_length.get(length), metric, missing) for length in at])
    return np.asarray(rows, dtype=float).reshape(len(cell.runs), len(at))


def _number(row: Row | None, metric: str, missing: float) -> float:
    """Return one value of a row; NaN if there is none."""
    value = missing if row is None else getattr(row, metric)
    return float("nan") if value is None else float(value)


def chance_levels(cell: Cell, metric: str, at: Sequence[int]) -> tuple[float, ...]:
    """Return the chance level of a share at some lengths, NaN where it is unknown; see `lengen.task.chance`."""
    if metric not in SHARES:
        return (np.nan,) * len(at)
    known: dict[int, float] = {}
    for curve in cell.curves:  # of one task, so that they agree; runs of earlier versions do not say it
        levels = {row.length: getattr(row, f"chance_{metric}") for row in curve.rows}
        known |= {length: level for length, level in levels.items() if level is not None}
    return tuple(known.get(length, np.nan) for length in at)


def quartiles(values: Floats) -> Floats:
    """Return lower quartile, median and upper quartile over seeds (rows); NaN at lengths without a value."""
    known = ~np.isnan(values).all(axis=0)
    result = np.full((3, values.shape[1]), np.nan)
    if known.any():
        result[:, known] = np.nanpercentile(values[:, known], [25, 50, 75], axis=0)
    return result


def costs(cell: Cell, at: Sequence[int]) -> Floats:
    """Return milliseconds per example and peak memory in MiB, 2 x lengths: medians over the seeds that have a curve."""
    rows = [[curve[length] for length in at] for curve in cell.curves]
    if not rows:
        return np.full((2, len(at)), np.nan)
    per_seed = [
        [[1000 * row.seconds / row.examples, row.peak_bytes / 2**20] for row in seed] for seed in rows
    ]
    medians: Floats = np.median(np.asarray(per_seed, dtype=float).reshape(len(rows), len(at), 2), axis=0).T
    return medians


def reach_measurable(cell: Cell, threshold: float) -> bool:
    """Whether every run had enough examples at the shortest length that all seeds share for a reach at a threshold to exist."""
    at = lengths(cell)
    return not at or all(measurable(threshold, curve[at[0]].examples) for curve in cell.curves)


def reaches(cell: Cell, threshold: float) -> list[int]:
    """Return the reach of every seed on the lengths that all seeds share; 0 if it has none."""
    at = lengths(cell)
    return [
        0 if run.diverged else reach(at, [run.curve[length].ci_low for length in at], threshold) or 0
        for run in cell.runs
    ]


def factors(cell: Cell, threshold: float = THRESHOLDS[0]) -> list[float]:
    """Return the reach of every seed divided by its train length."""
    trained = [int(run.config["train_length"]) for run in cell.runs]
    return [found / train for found, train in zip(reaches(cell, threshold), trained, strict=True)]
