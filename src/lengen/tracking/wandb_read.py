"""Runs read back from a project on W&B: the same as from their folders, as far as the server keeps them."""

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
from lengen.comparison.find_runs import check_config, cut_short, identified
from lengen.comparison.run_record import Excluded, RunRecord
from lengen.config.errors import UsageError
from lengen.logger import wandb_session
from lengen.logger.wandb_session import SUMMARY, TABLE
from lengen.records.curve import COLUMNS, Curve, Row
from lengen.records.run_dir import OVER

PREFIX = "wandb:"
"""What the name of a project begins with where runs are asked for."""


def find(patterns: Iterable[str]) -> Iterator[RunRecord | Excluded]:
    """Every run that some patterns mean, on disk or on W&B.

    Args:
        patterns: as for `lengen.comparison.find_runs.find`; or `wandb:ENTITY/PROJECT`, with `/GROUP` for a cell or a
            tag of it.
    """
    for remote, names in groupby(patterns, lambda name: name.startswith(PREFIX)):
        if remote:
            yield from chain.from_iterable(map(read, names))
        else:
            yield from find_runs.find(names)


def read(place: str) -> Iterator[RunRecord | Excluded]:
    """Every training run of a project, or of a group or a tag in it.

    Args:
        place: `wandb:ENTITY/PROJECT` or `wandb:ENTITY/PROJECT/GROUP`; a group is a cell, or else a tag.
    """
    parts = place.removeprefix(PREFIX).strip("/").split("/", 2)
    if len(parts) == 1 or not all(parts):
        yield Excluded(place, "must be wandb:ENTITY/PROJECT or wandb:ENTITY/PROJECT/GROUP")
        return
    if not wandb_session.logged_in():
        yield Excluded(place, "W&B has no login that works (wandb login), or its server does not answer")
        return
    found = 0
    try:
        with redirect_stderr(StringIO()):
            for each in _runs("/".join(parts[:2]), *parts[2:]):
                found += 1
                yield read_run(each, f"{PREFIX}{'/'.join(parts[:2])}/{each.id}")
    except Exception as error:  # noqa: BLE001  # whatever the server says, other places are read
        yield Excluded(place, f"W&B: {wandb_session.first_line(error)}")
        return
    if not found:
        yield Excluded(place, "no training run here")


def _runs(project: str, group: str | None = None) -> Iterator[Any]:
    """The training runs of a project: all of them, or those of a group or a tag."""
    import wandb

    wanted: dict[str, Any] = {"jobType": "train"}
    if group:
        wanted["$or"] = [{"group": group}, {"tags": group}]
    for run in wandb.Api(timeout=wandb_session.PATIENCE).runs(project, filters=wanted, lazy=False):
        if run.job_type == "train" and (not group or group == run.group or group in run.tags):
            yield run


def read_run(run: Any, place: str) -> RunRecord | Excluded:
    """A run from what the server has of it.

    Args:
        run: as W&B's public interface gives it.
        place: what it is called.
    """
    summary = run.summary_metrics
    facts = {name: summary[name] for name in ("status", *SUMMARY) if name in summary}
    status = facts.get("status")
    if status not in OVER:
        return Excluded(place, f"unfinished (status {status or run.state})")
    try:
        config = check_config(dict(run.config), "its configuration")
        curve = Curve() if status == "diverged" else _curve(run, summary)
        lacking = [] if status == "diverged" else cut_short(config, curve)
    except (ValueError, KeyError, TypeError, OSError) as error:
        return Excluded(place, wandb_session.first_line(error))
    if lacking:
        return Excluded(place, f"its curve is cut short: lengths {lacking} are missing")
    single = [f"{name}={config[name]}" for name in ("init_seed", "data_seed") if config.get(name) is not None]
    seed = ",".join([str(config["seed"]), *single])
    cell, identity, config = identified(facts, config, curve.rows[0].cell if curve.rows else str(run.group))
    return RunRecord(place, cell, seed, config, facts, curve, identity)


def _curve(run: Any, summary: Mapping[str, Any]) -> Curve:
    """The table that a run logged of its curve.

    Raises:
        UsageError: there is none, or it lacks a column.
    """
    path = (summary.get(TABLE) or {}).get("path")
    if not path:
        raise UsageError(f"no {TABLE} was logged")
    with TemporaryDirectory() as folder, run.file(path).download(root=folder, replace=True) as file:
        table = json.loads(Path(file.name).read_text(encoding="utf-8"))
    if missing := [name for name in COLUMNS if name not in table["columns"]]:
        raise UsageError(f"{TABLE}: no column {', '.join(missing)}")
    return Curve(tuple(_row(dict(zip(table["columns"], values, strict=True))) for values in table["data"]))


def _row(values: Mapping[str, Any]) -> Row:
    """A line of the table; a server may have written 1.0 as 1."""
    numbers = ("exact_match", "ci_low", "ci_high", "token_accuracy", "loss", "first_error", "seconds")
    typed = {name: values[name] for name in COLUMNS}
    typed |= {name: float(typed[name]) for name in numbers if typed[name] is not None}
    return Row(**typed)
