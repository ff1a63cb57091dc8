"""Read runs from a W&B project. The records equal those from run folders, as far as W&B stores them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import redirect_stderr
from io import StringIO
from itertools import chain, groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from lengen.comparison import find_runs
from lengen.comparison.consistency import disagreement
from lengen.comparison.find_runs import complete_config, cut_short, identified
from lengen.comparison.run_record import Excluded, RunRecord
from lengen.config.errors import UsageError
from lengen.logger import wandb_session
from lengen.logger.wandb_session import SUMMARY, TABLE
from lengen.records.curve import COLUMNS, KINDS, LATER, Curve, Row
from lengen.records.earlier_runs import seed_name
from lengen.records.run_dir import OVER
from lengen.records.schema import check_facts

PREFIX = "wandb:"
"""Prefix of a W&B project among the patterns for runs."""


def find(patterns: Iterable[str]) -> Iterator[RunRecord | Excluded]:
    """Yield every run that some patterns match, on disk or on W&B.

    Args:
        patterns: as for `lengen.comparison.find_runs.find`; or `wandb:ENTITY/PROJECT`, with `/GROUP` for a cell or a tag.
    """
    for remote, names in groupby(patterns, lambda name: name.startswith(PREFIX)):
        if remote:
            yield from chain.from_iterable(map(read, names))
        else:
            yield from find_runs.find(names)


def read(place: str) -> Iterator[RunRecord | Excluded]:
    """Yield every training run of a project, or of a group or tag in it.

    Args:
        place: `wandb:ENTITY/PROJECT` or `wandb:ENTITY/PROJECT/GROUP`; a group is a cell or a tag.
    """
    parts = place.removeprefix(PREFIX).strip("/").split("/", 2)
    if len(parts) == 1 or not all(parts):
        yield Excluded(place, "must be wandb:ENTITY/PROJECT or wandb:ENTITY/PROJECT/GROUP")
        return
    if not wandb_session.logged_in():
        yield Excluded(place, "not logged in to W&B (wandb login), or its server does not answer")
        return
    count = 0
    try:
        with redirect_stderr(StringIO()):
            for each in _runs("/".join(parts[:2]), *parts[2:]):
                count += 1
                yield read_run(each, f"{PREFIX}{'/'.join(parts[:2])}/{each.id}")
    except Exception as error:  # noqa: BLE001  # an error of the server must not stop the reading of other places
        yield Excluded(place, f"W&B: {wandb_session.first_line(error)}")
        return
    if not count:
        yield Excluded(place, "no training run found")


def _runs(project: str, group: str | None = None) -> Iterator[Any]:
    """Yield the training runs of a project, or of a group or tag in it."""
    import wandb

    filters: dict[str, Any] = {"jobType": "train"}
    if group:
        filters["$or"] = [{"group": group}, {"tags": group}]
    for run in wandb.Api(timeout=wandb_session.PATIENCE).runs(project, filters=filters, lazy=False):
        if run.job_type == "train" and (not group or group == run.group or group in run.tags):
            yield run


def read_run(run: Any, place: str) -> RunRecord | Excluded:
    """Read a run from W&B.

    Args:
        run: the run, from W&B's public API.
        place: name of the run in tables and messages.
    """
    summary = run.summary_metrics
    facts = {name: summary[name] for name in ("status", *SUMMARY) if name in summary}
    status = facts.get("status")
    if status not in OVER:
        return Excluded(place, f"unfinished (status {status or run.state})")
    try:
        facts = check_facts(facts, "its summary")
        config = complete_config(dict(run.config), "its configuration")
        curve = Curve() if status == "diverged" else _curve(run, summary)
        missing = [] if status == "diverged" else cut_short(config, curve)
    except (ValueError, KeyError, TypeError, OSError) as error:
        return Excluded(place, wandb_session.first_line(error))
    if missing:
        return Excluded(place, f"its curve is cut short: lengths {missing} are missing")
    if reason := disagreement(config, facts, curve):
        return Excluded(place, f"it disagrees with itself: {reason}")
    seed = seed_name(config).removeprefix("seed=")
    cell, identity, config = identified(facts, config, curve.rows[0].cell if curve.rows else str(run.group))
    return RunRecord(place, cell, seed, config, facts, curve, identity)


def _curve(run: Any, summary: Mapping[str, Any]) -> Curve:
    """Download the curve that a run logged as a table.

    Raises:
        UsageError: the table or a column is missing.
    """
    path = (summary.get(TABLE) or {}).get("path")
    if not path:
        raise UsageError(f"no {TABLE} was logged")
    with TemporaryDirectory() as folder, run.file(path).download(root=folder, replace=True) as file:
        table = json.loads(Path(file.name).read_text(encoding="utf-8"))
    if missing := [name for name in COLUMNS if name not in {*table["columns"], *LATER}]:
        raise UsageError(f"{TABLE}: missing column {', '.join(missing)}")
    return Curve(tuple(_row(dict(zip(table["columns"], values, strict=True))) for values in table["data"]))


def _row(values: Mapping[str, Any]) -> Row:
    """Convert a row of the table; the server may store 1.0 as 1."""
    numbers = [name for name, kind in KINDS.items() if kind is float]
    typed = {name: values[name] for name in COLUMNS if name in values}
    typed |= {name: float(typed[name]) for name in numbers if typed.get(name) is not None}
    return Row(**typed)
