"""Scores of a cell: seeds x lengths, and one number per seed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from lengen.comparison.grouping import Cell
from lengen.comparison.run_record import RunRecord
from lengen.records.curve import Row
from lengen.statistics.intervals import THRESHOLDS, Rate, measurable, reach
from lengen.statistics.reaches import reach_profile

Metric = Literal["exact_match", "token_accuracy", "loss", "first_error", "seconds", "memory_bytes"]
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
    return cell.lengths


def ood_lengths(cell: Cell) -> tuple[int, ...]:
    """Return the lengths of a cell that are OOD: longer than every train length."""
    longest = max((int(run.config["train_length"]) for run in cell.runs), default=0)
    return tuple(length for length in cell.lengths if length > longest)


def matrix(cell: Cell, metric: str, at: Sequence[int]) -> Floats:
    """Return a metric as seeds x lengths. A diverged run has 0 for a share and NaN for any other metric."""
    missing = 0.0 if metric in SHARES else np.nan
    rows = [[_number(run.curve.by_length.get(length), metric, missing) for length in at] for run in cell.runs]
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
    """Return milliseconds per example and a run's own peak memory in MiB, 2 x lengths: medians over the seeds that have them."""
    examples = [[curve[length].examples for length in at] for curve in cell.curves]
    kept = Cell(cell.name, tuple(run for run in cell.runs if not run.diverged))
    milliseconds = 1000 * matrix(kept, "seconds", at) / np.reshape(examples, (len(examples), len(at)))
    return np.stack([quartiles(milliseconds)[1], quartiles(matrix(kept, "memory_bytes", at) / 2**20)[1]])


def reach_measurable(cell: Cell, threshold: float) -> bool:
    """Whether every run had enough examples at the shortest length that all seeds share for a reach at a threshold to exist."""
    return all(
        run.diverged or not at or measurable(threshold, run.curve[at[0]].examples)
        for run, at in _sweeps(cell)
    )


def reaches(cell: Cell, threshold: float) -> list[int]:
    """Return the reach of every seed on the lengths that all seeds share; 0 if it has none."""
    return [
        0 if run.diverged else reach(at, [run.curve[length].ci_low for length in at], threshold) or 0
        for run, at in _sweeps(cell)
    ]


def factors(cell: Cell, threshold: float = THRESHOLDS[0]) -> list[float]:
    """Return the reach of every seed divided by its train length."""
    trained = [int(run.config["train_length"]) for run in cell.runs]
    return [found / train for found, train in zip(reaches(cell, threshold), trained, strict=True)]


def ends(cell: Cell) -> list[float]:
    """Return the last length of every seed's reach divided by its train length; infinite for a diverged run, whose reach is 0."""
    return [
        math.inf if run.diverged or not at else at[-1] / int(run.config["train_length"])
        for run, at in _sweeps(cell)
    ]


def profile(cell: Cell, at: Sequence[float], threshold: float = THRESHOLDS[0]) -> list[Rate | None]:
    """Return the share of seeds whose reach is at least each multiple of the train length; None beyond the shortest sweep."""
    return reach_profile(factors(cell, threshold), ends(cell), at)


def _sweeps(cell: Cell) -> list[tuple[RunRecord, tuple[int, ...]]]:
    """Return every run with the lengths that it shares with the others of its cell; a pool over tasks has several cells."""
    cells = dict.fromkeys(run.cell for run in cell.runs)
    shared = {
        each: lengths(Cell(each, tuple(run for run in cell.runs if run.cell == each))) for each in cells
    }
    return [(run, shared[run.cell]) for run in cell.runs]
