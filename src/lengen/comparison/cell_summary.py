"""Summary of a cell over its seeds: one row of a table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from lengen.comparison.cell_scores import Gate, areas, beyond, costs, factors, lengths, matrix, reaches
from lengen.comparison.grouping import Cell, Panel
from lengen.comparison.pairs import CellPair
from lengen.comparison.run_record import RunRecord
from lengen.config.errors import UsageError, require
from lengen.evaluation.options import EvalOptions
from lengen.statistics.intervals import THRESHOLDS, success_rate
from lengen.statistics.resampling import iqm
from lengen.statistics.scores import mean_rank

BETWEEN = "; "
"""What stands between names, which may have commas."""


@dataclass(frozen=True)
class SuccessCriterion:
    """How runs are compared.

    Args:
        threshold: exact match from which a seed succeeds at a length.
        at: the length at which success is counted, as a length or a factor of the train length.
    """

    threshold: float = 0.9
    at: str = "2x"

    def __post_init__(self) -> None:
        require(0 < self.threshold <= 1, f"threshold={self.threshold}: must be in (0, 1]")
        try:
            found = EvalOptions(lengths=[self.at]).at(10)
        except UsageError:
            found = []
        require(
            len(found) == 1, f"at={self.at}: allowed is a length (40) or a factor of the train length (2x)"
        )

    def length(self, cell: Cell) -> int | None:
        """The evaluated length at which success is counted, or the nearest longer one; None if the sweep ends before."""
        (wanted,) = EvalOptions(lengths=[self.at]).at(int(cell.runs[0].config["train_length"]))
        return next((length for length in lengths(cell) if length >= wanted), None)


@dataclass(frozen=True)
class CellSummary:
    """A cell over its seeds; the fields are the columns of `table.csv`, in order. Empty where there is nothing to say.

    Args:
        task: the panel.
        line: what the cell is called there.
        cell: its hash.
        runs: `all` (a run that diverged has exact match 0) or `trained` (ID exact match of at least 0.99).
        tried: seeds that were tried; `trained` of them are trained, `diverged` of them have no curve.
        train_length: longest trained length; `longest` is the end of the sweep.
        category: letters of what helped (`lengen.records.supervision`); empty for runs that do not say.
        id_exact_match: median over seeds.
        at: the length at which `successes` of the seeds have exact match at the threshold or above, as a rate with
            its 95% Clopper-Pearson interval.
        reach_90: median over seeds of the longest contiguous length whose lower bound holds 0.90; 0 is none. Likewise 95 and 99.
        reach_90_best: of the best seed, of as many as were tried.
        factor_90: median reach over train length.
        iqm: interquartile mean of exact match over seeds and OOD lengths, with its bootstrap interval.
        area: median area under exact match over log2(length / train length), in doublings.
        rank: by area among the cells of the task, ties shared.
        not_told_apart: cells whose areas do not differ significantly from this one's (exact test, p >= 0.05, not corrected for many pairs),
            with `; ` between them.
        minutes: median wall time of a run.
        milliseconds: median time of an example at the longest length; `megabytes` is the peak memory there.
        parameters: of the decoder.
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


COLUMNS = tuple(field.name for field in fields(CellSummary))


def summarize_cells(
    panel: Panel, cells: Sequence[Cell], runs: Gate, criterion: SuccessCriterion, pairs: Sequence[CellPair]
) -> list[CellSummary]:
    """One for each cell."""
    medians = [
        float(np.median(found)) if (found := areas(cell)) and beyond(cell) else np.nan for cell in cells
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
    """What a cell's seeds say, as columns of its summary."""
    found: dict[str, Any] = {}
    examined, ood = lengths(cell), beyond(cell)
    if not cell.runs:
        return found
    at = criterion.length(cell)
    if at is not None:
        rate = success_rate(list(matrix(cell, "exact_match", [at])[:, 0]), criterion.threshold)
        found |= {
            "at": at,
            "successes": rate.successes,
            "success_rate": rate.share,
            "success_low": rate.low,
            "success_high": rate.high,
        }
    for threshold in THRESHOLDS:
        found[f"reach_{threshold * 100:.0f}"] = float(np.median(reaches(cell, threshold)))
    if ood:
        found["iqm"], found["iqm_low"], found["iqm_high"] = iqm([matrix(cell, "exact_match", ood)])
    facts = [run.facts for run in cell.runs]
    found |= {
        "longest": examined[-1] if examined else None,
        "id_exact_match": _median([each.get("id_exact_match") for each in facts]),
        "reach_90_best": max(reaches(cell, THRESHOLDS[0])),
        "factor_90": float(np.median(factors(cell))),
        "minutes": _median([each["wall_seconds"] / 60 for each in facts if each.get("wall_seconds")]),
        "parameters": next((each["parameters"] for each in facts if each.get("parameters")), None),
    }
    if examined:
        found["milliseconds"], found["megabytes"] = costs(cell, examined[-1:])[:, 0].tolist()
    return found


def categories(runs: Iterable[RunRecord]) -> str:
    """Category letters of these runs; runs without a category are ignored."""
    return ", ".join(sorted({str(run.facts.get("category") or "") for run in runs} - {""}))


def _median(values: Sequence[Any]) -> float | None:
    """Median of those that are known."""
    known = [float(value) for value in values if value is not None]
    return float(np.median(known)) if known else None


def _known(value: float) -> float | None:
    """None instead of NaN."""
    return None if np.isnan(value) else float(value)
