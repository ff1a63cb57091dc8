"""The summary of a cell over its seeds: one row of the table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from lengen.comparison.cell_scores import Gate, areas, costs, factors, lengths, matrix, ood_lengths, reaches
from lengen.comparison.grouping import Cell, Panel
from lengen.comparison.pairs import CellPair
from lengen.comparison.run_record import RunRecord
from lengen.config.errors import UsageError, require
from lengen.evaluation.options import EvalOptions
from lengen.statistics.intervals import THRESHOLDS, success_rate
from lengen.statistics.resampling import iqm
from lengen.statistics.scores import mean_rank

BETWEEN = "; "
"""Separator of cell names, which may contain commas."""


@dataclass(frozen=True)
class SuccessCriterion:
    """When a seed counts as a success.

    Args:
        threshold: a seed succeeds at a length if its exact match is at least this, in (0, 1].
        at: the length at which success is counted: a length (`40`) or a factor of the train length (`2x`).
    """

    threshold: float = 0.9
    at: str = "2x"

    def __post_init__(self) -> None:
        require(0 < self.threshold <= 1, f"threshold={self.threshold}: must be in (0, 1]")
        try:
            parsed = EvalOptions(lengths=[self.at]).at(10)
        except UsageError:
            parsed = []
        require(len(parsed) == 1, f"at={self.at}: must be a length (40) or a factor of the train length (2x)")

    def length(self, cell: Cell) -> int | None:
        """Return the length at which success is counted, or the next longer evaluated one; None if the sweep ends before."""
        (wanted,) = EvalOptions(lengths=[self.at]).at(int(cell.runs[0].config["train_length"]))
        return next((length for length in lengths(cell) if length >= wanted), None)


@dataclass(frozen=True)
class CellSummary:
    """A cell over its seeds; the fields are the columns of `table.csv`, in order. Unknown values are empty.

    Args:
        task: name of the panel.
        line: name of the cell in the panel.
        cell: hash of the cell.
        runs: `all` (a diverged run has exact match 0) or `trained` (only runs with ID exact match of at least 0.99).
        tried: number of seeds; `trained` of them are trained, `diverged` of them have no curve.
        train_length: longest trained length; `longest` is the longest evaluated length.
        category: category letters (`lengen.records.supervision`); empty if the runs do not record any.
        id_exact_match: median over seeds.
        at: the length at which success is counted; `successes` of the seeds have exact match of at least the threshold
            there. `success_rate` is their share, with its 95% Clopper-Pearson interval.
        reach_90: median over seeds of the reach at 0.90; 0 means no reach. Likewise 95 and 99.
        reach_90_best: reach at 0.90 of the best seed.
        factor_90: median reach at 0.90 divided by the train length.
        iqm: interquartile mean of exact match over seeds and OOD lengths, with its bootstrap interval.
        area: median area under exact match over log2(length / train length), in doublings.
        rank: rank by area among the cells of the task; ties share a rank.
        not_told_apart: cells whose areas do not differ significantly from this one's (exact permutation test, p >= 0.05, not corrected
            for multiple comparisons), separated by `; `.
        minutes: median wall time of a run.
        milliseconds: median time per example at the longest length; `megabytes` is the peak memory there, in MiB.
        parameters: parameters of the decoder.
        data_seeds: number of different seeds of the training data, and init_seeds of the initial parameters; fewer than
            `tried` where runs share one of them, so that they are not independent.
    """

    task: str
    line: str
    cell: str
    runs: Gate
    tried: int
    trained: int
    diverged: int
    train_length: int
    category: str = ""
    longest: int | None = None
    id_exact_match: float | None = None
    at: int | None = None
    successes: int | None = None
    success_rate: float | None = None
    success_low: float | None = None
    success_high: float | None = None
    reach_90: float | None = None
    reach_95: float | None = None
    reach_99: float | None = None
    reach_90_best: int | None = None
    factor_90: float | None = None
    iqm: float | None = None
    iqm_low: float | None = None
    iqm_high: float | None = None
    area: float | None = None
    rank: float | None = None
    not_told_apart: str = ""
    minutes: float | None = None
    milliseconds: float | None = None
    megabytes: float | None = None
    parameters: int | None = None
    data_seeds: int | None = None
    init_seeds: int | None = None


COLUMNS = tuple(field.name for field in fields(CellSummary))


def summarize_cells(
    panel: Panel, cells: Sequence[Cell], runs: Gate, criterion: SuccessCriterion, pairs: Sequence[CellPair]
) -> list[CellSummary]:
    """Summarize each cell of a panel.

    Args:
        panel: the panel.
        cells: its cells, with the runs that are counted.
        runs: which runs these are.
        criterion: when a seed counts as a success.
        pairs: comparisons of these cells.
    """
    medians = [
        float(np.median(found)) if (found := areas(cell)) and ood_lengths(cell) else np.nan for cell in cells
    ]
    ranks = mean_rank([[round(median, 9)] for median in medians]) if medians else []
    similar: dict[str, list[str]] = {cell.name: [] for cell in cells}
    for pair in pairs:
        if not pair.told_apart:
            similar[pair.first].append(pair.second)
            similar[pair.second].append(pair.first)
    return [
        CellSummary(
            task=panel.name,
            line=cell.name,
            cell=whole.digest,
            runs=runs,
            tried=whole.tried,
            trained=whole.gated().tried,
            diverged=sum(run.diverged for run in whole.runs),
            data_seeds=whole.data_seeds,
            init_seeds=whole.init_seeds,
            train_length=int(whole.runs[0].config["train_length"]),
            category=categories(whole.runs),
            area=_known(median),
            rank=_known(rank),
            not_told_apart=BETWEEN.join(similar[cell.name]),
            **_of_seeds(cell, criterion),
        )
        for whole, cell, median, rank in zip(panel.cells, cells, medians, ranks, strict=True)
    ]


def _of_seeds(cell: Cell, criterion: SuccessCriterion) -> dict[str, Any]:
    """Return the columns of a summary that are computed from the cell's seeds."""
    columns: dict[str, Any] = {}
    evaluated, ood = lengths(cell), ood_lengths(cell)
    if not cell.runs:
        return columns
    at = criterion.length(cell)
    if at is not None:
        rate = success_rate(list(matrix(cell, "exact_match", [at])[:, 0]), criterion.threshold)
        columns |= {
            "at": at,
            "successes": rate.successes,
            "success_rate": rate.share,
            "success_low": rate.low,
            "success_high": rate.high,
        }
    for threshold in THRESHOLDS:
        columns[f"reach_{threshold * 100:.0f}"] = float(np.median(reaches(cell, threshold)))
    if ood:
        columns["iqm"], columns["iqm_low"], columns["iqm_high"] = iqm([matrix(cell, "exact_match", ood)])
    facts = [run.facts for run in cell.runs]
    columns |= {
        "longest": evaluated[-1] if evaluated else None,
        "id_exact_match": _median([each.get("id_exact_match") for each in facts]),
        "reach_90_best": max(reaches(cell, THRESHOLDS[0])),
        "factor_90": float(np.median(factors(cell))),
        "minutes": _median([each["wall_seconds"] / 60 for each in facts if each.get("wall_seconds")]),
        "parameters": next((each["parameters"] for each in facts if each.get("parameters")), None),
    }
    if evaluated:
        columns["milliseconds"], columns["megabytes"] = costs(cell, evaluated[-1:])[:, 0].tolist()
    return columns


def categories(runs: Iterable[RunRecord]) -> str:
    """Return the category letters of runs; runs without a category are ignored."""
    return ", ".join(sorted({str(run.facts.get("category") or "") for run in runs} - {""}))


def _median(values: Sequence[Any]) -> float | None:
    """Return the median of the known values; None if there are none."""
    known = [float(value) for value in values if value is not None]
    return float(np.median(known)) if known else None


def _known(value: float) -> float | None:
    """Return a value, with None in place of NaN."""
    return None if np.isnan(value) else float(value)
