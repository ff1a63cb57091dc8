"""The data of a study's page. Everything is computed here; the page's script only selects and draws."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import yaml

from lengen.comparison.cell_scores import (
    GATES,
    METRICS,
    SHARES,
    chance_levels,
    costs,
    gate,
    lengths,
    matrix,
    profile,
    quartiles,
    reach_measurable,
    reaches,
)
from lengen.comparison.grouping import Cell, Panel, Study, pooled
from lengen.comparison.run_record import RunRecord
from lengen.config.seeds import SEED_NAMES
from lengen.report.console import Block
from lengen.report.figure import CHANCE
from lengen.report.scale import logarithmic
from lengen.report.styles import styles
from lengen.statistics.formats import reach_text, truncated
from lengen.statistics.intervals import THRESHOLDS, success_rate
from lengen.statistics.reaches import median_reach

DIGITS = 5
"""Significant digits of numbers in the page; the rest is cut off, so that the page can round down what it shows."""


def content(study: Study, *, threshold: float, tables: Sequence[Block], title: str) -> dict[str, Any]:
    """Return the data of the page, as JSON values; for the arguments see `lengen.report.page.write`."""
    origins: dict[str, int] = {}
    panels = [_panel(panel, threshold, origins) for panel in study.panels]
    return {
        "title": title,
        "threshold": threshold,
        "thresholds": THRESHOLDS,
        "by": study.by,
        "panels": panels,
        "origins": [json.loads(text) for text in origins],
        "profile": _pooled(study, threshold) if len(study.panels) > 1 else None,
        "tables": [
            {"caption": caption, "header": list(header), "rows": [list(row) for row in rows]}
            for caption, header, rows in tables
        ],
        "left_out": [[each.place, each.reason] for each in study.left_out],
    }


def _panel(panel: Panel, threshold: float, origins: dict[str, int]) -> dict[str, Any]:
    """Return the data of a panel: protocol, lengths and cells."""
    steps = _steps(panel.runs)
    protocol = {key: value for run in panel.runs[:1] for key, value in run.protocol.items()}
    return {
        "name": panel.name,
        "notes": panel.notes,
        "protocol": {key: _text(value) for key, value in protocol.items()},
        "train_length": panel.train_length,
        "train_lengths": panel.train_lengths,
        "lengths": panel.lengths,
        "logarithmic": bool(panel.lengths) and logarithmic(panel.lengths),
        "factors": _rounded(steps),
        "cells": [
            {
                **look,
                "digest": cell.digest,
                "train_length": int(cell.runs[0].config["train_length"]),
                "lengths": lengths(cell),
                "chance": _chances(cell),
                "config": _config(cell.runs[0].config),
                "runs": _runs(cell, threshold, origins),
                "gates": _gates(cell, threshold, steps),
            }
            for cell, look in zip(panel.cells, _looks([panel], panel.cells), strict=True)
        ],
    }


def _looks(panels: Sequence[Panel], cells: Sequence[Cell]) -> list[dict[str, Any]]:
    """Return name, colour, marker and dashes (in pixels) of some cells of a comparison."""
    found = styles(panels)
    return [
        {
            "name": cell.name,
            "colour": look.colour,
            "marker": look.marker,
            "dashes": [] if look.dashes == "-" else [round(2 * part, 1) for part in look.dashes[1]],
        }
        for cell in cells
        for look in (found[cell.name],)
    ]


def _chances(cell: Cell) -> dict[str, list[float | None]]:
    """Return the chance level of each share at the lengths of a cell; of those that are above `CHANCE` somewhere."""
    levels = {metric: chance_levels(cell, metric, lengths(cell)) for metric in SHARES}
    return {
        metric: _rounded(values)
        for metric, values in levels.items()
        if any(value > CHANCE for value in values)
    }


def _runs(cell: Cell, threshold: float, origins: dict[str, int]) -> list[dict[str, Any]]:
    """Return the data of a cell's runs: state, provenance, and metrics at the lengths of the cell."""
    at = lengths(cell)
    values = {metric: matrix(cell, metric, at) for metric in METRICS}
    runs = []
    for index, run in enumerate(cell.runs):
        rows = run.curve.by_length
        runs.append(
            {
                "seed": run.seed,
                "place": run.place,
                "state": "diverged" if run.diverged else "trained" if run.trained else "not trained",
                "id": _number(run.facts.get("id_exact_match")),
                "reach": run.curve.reach(threshold),
                "reach_text": run.curve.reach_text(threshold),
                "reaches": [run.curve.reach_text(each) for each in THRESHOLDS],
                "origin": origins.setdefault(_origin(run), len(origins)),
                "correct": [rows[length].correct for length in at if length in rows],
                "examples": [rows[length].examples for length in at if length in rows],
                **{metric: _rounded(values[metric][index]) for metric in METRICS},
            }
        )
    return runs


def _gates(cell: Cell, threshold: float, steps: Sequence[float]) -> dict[str, dict[str, Any] | None]:
    """Return statistics over all seeds of a cell, and over the trained ones; the same if all are trained."""
    trained = cell.gated()
    every = _seeds(cell, threshold, steps)
    return {
        "all": every,
        "trained": every if trained.tried == cell.tried else _seeds(trained, threshold, steps),
    }


def _seeds(cell: Cell, threshold: float, steps: Sequence[float]) -> dict[str, Any] | None:
    """Return statistics over the seeds of a cell; None if it has no seeds."""
    if not cell.runs:
        return None
    at = lengths(cell)
    exact = matrix(cell, "exact_match", at)
    rates = [success_rate(list(column), threshold) for column in exact.T]
    times, peaks = costs(cell, at) if cell.curves else ([], [])
    return {
        "tried": cell.tried,
        "quartiles": {
            metric: [_rounded(row) for row in quartiles(matrix(cell, metric, at))] for metric in METRICS
        },
        "successes": [rate.successes for rate in rates],
        "low": _rounded(rate.low for rate in rates),
        "high": _rounded(rate.high for rate in rates),
        **_median_reach(cell, threshold),
        "profile": _profile(cell, threshold, steps),
        "milliseconds": _rounded(times),
        "mebibytes": _rounded(peaks),
    }


def _pooled(study: Study, threshold: float) -> dict[str, Any]:
    """Return performance profiles over all tasks, one per cell name."""
    cells = pooled(study.panels)
    steps = _steps(study.runs)
    profiles = [
        {
            name: {"profile": _profile(kept, threshold, steps)} if kept.runs else None
            for name in GATES
            for kept in (gate(cell, name),)
        }
        for cell in cells
    ]
    return {
        "factors": _rounded(steps),
        "cells": [
            {**look, "gates": each} for look, each in zip(_looks(study.panels, cells), profiles, strict=True)
        ],
    }


def _median_reach(cell: Cell, threshold: float) -> dict[str, Any]:
    """Return the median reach of a cell, as a number (0 for none) and as text."""
    if not lengths(cell):  # every run diverged
        return {"reach": 0, "reach_text": reach_text(None)}
    found = median_reach(reaches(cell, threshold), lengths(cell))
    return {
        "reach": _number(found.median),
        "reach_text": reach_text(
            found.median, at_least=found.at_least, measurable=reach_measurable(cell, threshold)
        ),
    }


def _profile(cell: Cell, threshold: float, steps: Sequence[float]) -> dict[str, Any] | None:
    """Return the share of seeds whose reach is at least each multiple of the train length, up to the shortest sweep end.

    None if there were too few examples to measure it.
    """
    if not reach_measurable(cell, threshold):
        return None
    rates = [rate for rate in profile(cell, steps, threshold) if rate]
    return {
        "tried": cell.tried,
        "successes": [rate.successes for rate in rates],
        "low": _rounded(rate.low for rate in rates),
        "high": _rounded(rate.high for rate in rates),
    }


def _steps(runs: Iterable[RunRecord]) -> list[float]:
    """Return the possible values of reach / train length: evaluated lengths over the train length, ascending."""
    return sorted({length / int(run.config["train_length"]) for run in runs for length in run.curve.lengths})


def _config(config: Mapping[str, Any]) -> str:
    """Return a configuration as YAML, without its seeds."""
    without_seeds = {key: value for key, value in config.items() if key not in SEED_NAMES}
    return yaml.safe_dump(without_seeds, sort_keys=False, allow_unicode=True, width=math.inf)


def _origin(run: RunRecord) -> str:
    """Return the provenance of a run as JSON text; many runs share it."""
    git = run.facts.get("git") or {}
    dirty = " with uncommitted changes" if git.get("dirty") else ""
    facts = {key: _text(run.facts.get(key)) for key in ("command", "versions", "device")}
    return json.dumps({**facts, "git": f"{_text(git.get('commit'))}{dirty}"})


def _text(value: Any) -> str:
    """Format a fact as text; mappings become `key value, key value`."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_text(part)}" for key, part in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_text(part) for part in value)
    if value is None or isinstance(value, bool):
        return "unknown" if value is None else "yes" if value else "no"
    return str(value)


def _number(value: Any) -> float | None:
    """Cut a number for the page; None if it is missing or not finite."""
    if value is None or not math.isfinite(value):
        return None
    short = truncated(float(value), DIGITS)
    return int(short) if short.is_integer() else short


def _rounded(values: Iterable[float]) -> list[float | None]:
    """Cut numbers for the page."""
    return [_number(value) for value in values]
