"""The summary of a cell over its seeds: one row of the table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from functools import partial
from typing import Any

import numpy as np

from lengen.comparison.cell_laws import law_columns
from lengen.comparison.cell_scores import (
    Gate,
    chance_levels,
    costs,
    factors,
    lengths,
    matrix,
    reach_measurable,
    reaches,
)
from lengen.comparison.grouping import Cell, Panel
from lengen.comparison.pairs import CellPair
from lengen.comparison.panel_areas import PanelAreas
from lengen.comparison.ranks import rankable, ranks
from lengen.comparison.run_record import BETWEEN, RunRecord
from lengen.comparison.seen import seen
from lengen.comparison.theory import Theory
from lengen.config.errors import UsageError, require
from lengen.records.eval_options import EvalOptions
from lengen.statistics.interquartile import interquartile_interval
from lengen.statistics.intervals import THRESHOLDS, Rate, success_rate
from lengen.statistics.reaches import median_reach


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

    def rate(self, cell: Cell) -> tuple[int, Rate] | None:
        """Return the length at which success is counted, and the success rate there; None if the sweep ends before."""
        at = self.length(cell) if cell.runs else None
        if at is None:
            return None
        return at, success_rate(list(matrix(cell, "exact_match", [at])[:, 0]), self.threshold)

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
        reach_90: median over seeds of the reach at 0.90; 0 where no length is reached (`none` in tables), empty where there were too
            few examples to measure it. Likewise 95 and 99.
        reach_90_best: reach at 0.90 of the best seed; the sweep ended there if it equals `longest`.
        factor_90: median reach at 0.90 divided by the train length.
        iqm: interquartile mean of exact match over seeds and the OOD lengths that all compared runs share, with an interval
            from five seeds on. A description: no claim rests on it.
        area: mean over seeds of the area under exact match over log2(length / train length), in doublings, on the lengths that
            all compared runs of the task share.
        rank: 1 + number of cells that differ significantly and have a larger mean area. Empty for a cell without a trained run, for all cells
            if none of those with one is above chance, and where cells are compared with a control alone.
        not_told_apart: cells from which this one does not differ significantly (`p_family` above 0.05), separated by `; `.
        minutes: median wall time of a run.
        milliseconds: median time per example at the longest length; `megabytes` is the peak memory of a run
            there, in MiB; empty in runs of earlier versions, which kept that of the process.
        parameters: parameters of the decoder.
        data_seeds: number of different seeds of the training data, and init_seeds of the initial parameters; fewer than
            `tried` where runs share one of them, so that they are not independent.
        area_low: 95% interval of the mean area over seeds and strings, from three seeds on; likewise `area_high`.
        area_min: least area of a seed; likewise `area_median` and `area_max`.
        area_end: the last length that all compared runs share, where the areas end.
        reach_90_low: 95% interval of the median reach, from five seeds on. `reach_90_high` is the first length that is not
            reached; empty if it lies beyond the sweep.
        reach_90_at_least: whether the median is the end of the sweep, so that the true one may be longer. Likewise 95 and 99.
        chance: chance level of exact match at the length at which success is counted; empty in runs of earlier versions.
        picked: the values that `best=` picked, and those that were tried.
        rank_last: number of ranked cells less those whose mean area is significantly smaller; `rank` to `rank_last` are the ranks
            that the significant differences leave open.
        laws: number of seeds by error law (`lengen.records.error_law`), or by the reason why there is none, separated by `; `. This
            and all that follows is empty in runs of earlier versions.
        law: the most frequent error law; what follows is over the seeds that have it.
        error_rate: median error rate per answer token at the train length, with an order-statistic interval from five seeds on;
            likewise growth, the exponent of length, horizon, where growing errors equal the floor, and half_length, where exact
            match falls to 1/2 (empty if the median lies outside the sweep, and a bound if it does).
        errors_follow: number of seeds whose errors follow the place in the answer, the length of the problem, or neither clearly.
        predicted: what theory says (`lengen.comparison.theory`): `yes`, `no`, `conditional` or `open`; empty, as all that follows, if it
            says nothing of the cell.
        predicted_if: under what, in words; predicted_class and predicted_family: the class of decoders and the family of tasks.
        predicted_source: where it is from, with predicted_kind and predicted_evidence.
        seen: `yes`, `no`, `undecided` or `not trained` (`lengen.comparison.seen`).
        seen_far: number of trained seeds whose reach at 0.90 is at least four times the train length; seen_low and seen_high: the
            interval of their share.
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
    rank: int | None = None
    not_told_apart: str = ""
    minutes: float | None = None
    milliseconds: float | None = None
    megabytes: float | None = None
    parameters: int | None = None
    data_seeds: int | None = None
    init_seeds: int | None = None
    area_low: float | None = None
    area_high: float | None = None
    area_min: float | None = None
    area_median: float | None = None
    area_max: float | None = None
    area_end: int | None = None
    reach_90_low: int | None = None
    reach_90_high: int | None = None
    reach_90_at_least: bool | None = None
    reach_95_at_least: bool | None = None
    reach_99_at_least: bool | None = None
    chance: float | None = None
    picked: str = ""
    rank_last: int | None = None
    laws: str = ""
    law: str = ""
    error_rate: float | None = None
    error_rate_low: float | None = None
    error_rate_high: float | None = None
    growth: float | None = None
    growth_low: float | None = None
    growth_high: float | None = None
    horizon: float | None = None
    horizon_low: float | None = None
    horizon_high: float | None = None
    half_length: float | None = None
    half_length_low: float | None = None
    half_length_high: float | None = None
    errors_follow: str = ""
    predicted: str = ""
    predicted_if: str = ""
    predicted_class: str = ""
    predicted_family: str = ""
    predicted_source: str = ""
    predicted_kind: str = ""
    predicted_evidence: str = ""
    seen: str = ""
    seen_far: int | None = None
    seen_low: float | None = None
    seen_high: float | None = None


COLUMNS = tuple(field.name for field in fields(CellSummary))


def summarize_cells(
    panel: Panel,
    cells: Sequence[Cell],
    areas: PanelAreas | None,
    runs: Gate,
    criterion: SuccessCriterion,
    pairs: Sequence[CellPair],
    *,
    control: bool = False,
    theory: Theory | None = None,
) -> list[CellSummary]:
    """Summarize each cell of a panel.

    Args:
        panel: the panel.
        cells: its cells, with the runs that are counted.
        areas: areas of these cells; None if the runs share no OOD length.
        runs: which runs these are.
        criterion: when a seed counts as a success.
        pairs: comparisons of these cells.
        control: whether the cells were compared with a control alone.
        theory: what predicts what is seen of a cell; None predicts nothing.
    """
    order = ranks([] if control or areas is None else rankable(areas.cells), pairs)
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
            rank=order[cell.name].first if cell.name in order else None,
            rank_last=order[cell.name].last if cell.name in order else None,
            not_told_apart=BETWEEN.join(similar[cell.name]),
            picked=str(whole.choice or ""),
            **_of_seeds(cell, criterion),
            **_of_areas(cell, areas),
            **law_columns(cell.runs),
            **(_of_theory(whole, theory) if theory else {}),
        )
        for whole, cell in zip(panel.cells, cells, strict=True)
    ]


def _of_theory(cell: Cell, theory: Theory) -> dict[str, Any]:
    """Return the columns of a summary that say what theory predicts of a cell, and what was seen."""
    prediction = theory.prediction(cell.runs[0])
    if prediction is None:
        return {}
    statement, found = prediction.statement, seen(cell)
    return {
        "predicted": prediction.verdict,
        "predicted_if": statement.condition,
        "predicted_class": prediction.decoder_class,
        "predicted_family": prediction.family,
        "predicted_source": statement.source,
        "predicted_kind": statement.kind,
        "predicted_evidence": statement.evidence,
        "seen": found.verdict,
        "seen_far": found.far,
        "seen_low": found.low,
        "seen_high": found.high,
    }


def _of_areas(cell: Cell, areas: PanelAreas | None) -> dict[str, Any]:
    """Return the columns of a summary that are computed on the lengths shared by all cells."""
    if areas is None or not cell.runs:
        return {}
    index = areas.cells.index(cell)
    mean, seeds = areas.mean(index), areas.areas[index] * areas.doublings
    middle = interquartile_interval(matrix(cell, "exact_match", areas.ood_lengths))
    return {
        "area": mean.value,
        "area_low": mean.low,
        "area_high": mean.high,
        "area_min": float(seeds.min()),
        "area_median": float(np.median(seeds)),
        "area_max": float(seeds.max()),
        "area_end": areas.lengths[-1],
        "iqm": middle.value,
        "iqm_low": middle.low,
        "iqm_high": middle.high,
    }


def _of_seeds(cell: Cell, criterion: SuccessCriterion) -> dict[str, Any]:
    """Return the columns of a summary that are computed from the cell's seeds."""
    columns: dict[str, Any] = {}
    evaluated = lengths(cell)
    if not cell.runs:
        return columns
    if found := criterion.rate(cell):
        at, rate = found
        columns |= {
            "at": at,
            "successes": rate.successes,
            "success_rate": rate.share,
            "success_low": rate.low,
            "success_high": rate.high,
            "chance": _finite(*chance_levels(cell, "exact_match", [at])),
        }
    facts = [run.facts for run in cell.runs]
    columns |= {
        "longest": evaluated[-1] if evaluated else None,
        "id_exact_match": _median([each.get("id_exact_match") for each in facts]),
        "minutes": _median([each["wall_seconds"] / 60 for each in facts if each.get("wall_seconds")]),
        "parameters": next((each["parameters"] for each in facts if each.get("parameters")), None),
    }
    if evaluated:
        columns["milliseconds"], columns["megabytes"] = map(
            _finite, costs(cell, evaluated[-1:])[:, 0].tolist()
        )
    return columns | _of_reaches(cell, evaluated)


def _of_reaches(cell: Cell, evaluated: Sequence[int]) -> dict[str, Any]:
    """Return the median reaches, censored at the end of the sweep; none where there were too few examples."""
    columns: dict[str, Any] = {}
    if reach_measurable(cell, THRESHOLDS[0]):
        columns |= {
            "reach_90_best": max(reaches(cell, THRESHOLDS[0])),
            "factor_90": float(np.median(factors(cell))),
        }
    for threshold in filter(partial(reach_measurable, cell), THRESHOLDS):
        name = f"reach_{threshold * 100:.0f}"
        if not evaluated:  # every run diverged
            columns[name] = 0.0
            continue
        found = median_reach(reaches(cell, threshold), evaluated)
        columns |= {name: found.median, f"{name}_at_least": found.at_least}
        if threshold == THRESHOLDS[0]:
            columns |= {f"{name}_low": found.low, f"{name}_high": found.high}
    return columns


def categories(runs: Iterable[RunRecord]) -> str:
    """Return the category letters of runs; runs without a category are ignored."""
    return ", ".join(sorted({str(run.facts.get("category") or "") for run in runs} - {""}))


def _finite(value: float) -> float | None:
    """Return a number; None for NaN."""
    return value if np.isfinite(value) else None


def _median(values: Sequence[Any]) -> float | None:
    """Return the median of the known values; None if there are none."""
    known = [float(value) for value in values if value is not None]
    return float(np.median(known)) if known else None
