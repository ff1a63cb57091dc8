"""The file of a study: readable YAML beside the folder of its runs, without absolute paths, checked where it is read."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from lengen.config.bounded_yaml import read_yaml
from lengen.config.errors import UsageError, nearest
from lengen.records.claim import ClaimedError, claimed
from lengen.records.curve import write_text
from lengen.studies.places import studies_folder, study_names
from lengen.studies.plan import Grid, PlannedRun, StudyPlan
from lengen.studies.plan_schema import Content, Run, checked
from lengen.studies.words import checked_name

BYTES, VALUES = 32 << 20, 2_000_000
"""Most bytes and values of a file: about 100,000 runs."""
PATIENCE = 30.0
"""Seconds to wait for another process that writes the file."""
DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
HEAD = """\
# A study of lengen. How far it is: lengen status {name}
# Carry out what is missing, interrupted or failed: lengen train study={name}
"""


def results_name(results_dir: str) -> str:
    """Name of a folder of runs."""
    return Path(os.path.abspath(results_dir)).name  # noqa: PTH100


def study_path(results_dir: str, name: str) -> Path:
    """The file of a study.

    Raises:
        UsageError: the name is none.
    """
    return studies_folder(results_dir) / f"{checked_name(name)}.yaml"


def existing(results_dir: str, name: str) -> Path:
    """The file of a study that must exist.

    Raises:
        UsageError: there is none.
    """
    path = study_path(results_dir, name)
    if not path.exists():
        names = study_names(results_dir)
        known = f" (allowed: {', '.join(names[:5])}{', …' * (len(names) > 5)})" if names else ""  # noqa: PLR2004
        raise UsageError(f"study={name}: no such study in {path.parent}{nearest(name, names)}{known}")
    return path


def runs_folder(path: Path, plan: StudyPlan) -> Path:
    """The folder of the runs of a study."""
    return path.parent.parent / plan.results


def read_plan(path: Path) -> StudyPlan:
    """Read the file of a study.

    Raises:
        UsageError: it is no such file.
        OSError: it cannot be read.
    """
    return _plan(checked(read_yaml(path, size=BYTES, values=VALUES), str(path)), str(path))


def update_plan(path: Path, change: Callable[[StudyPlan | None], StudyPlan]) -> StudyPlan:
    """Change the file of a study, or make it; nothing is written where nothing changes.

    Args:
        path: of the file.
        change: returns the new plan for the present one, None if there is none.

    Raises:
        UsageError: the file that is there is none of a study, or another process keeps writing it.
    """

    def changed() -> tuple[StudyPlan, bool]:
        before = read_plan(path) if path.exists() else None
        after = change(before)
        return after, after != before

    plan, differs = changed()
    if not differs:
        return plan
    path.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            with claimed(path):
                plan, differs = changed()  # another process may have changed it
                if differs:
                    write_text(path, text_of(path.stem, plan))
                return plan
        except ClaimedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def text_of(name: str, plan: StudyPlan) -> str:
    """The text of a study's file."""
    grids = [
        {
            "command": shlex.join(["lengen", "train", "-m", *grid.words]),
            **({"config_dir": " ".join(map(shlex.quote, grid.own))} if grid.own else {}),
            "common": shlex.join(grid.common),
            "runs": [_row(run) for run in grid.runs],
        }
        for grid in plan.grids
    ]
    content = {"results": plan.results, "grids": grids}
    text: str = yaml.dump(content, Dumper=DUMPER, sort_keys=False, default_flow_style=None, allow_unicode=True, width=1 << 20)  # fmt: skip
    return HEAD.format(name=name) + text


def _row(run: PlannedRun) -> dict[str, str]:
    """A run as one line."""
    row = {
        "options": shlex.join(run.options),
        "task": run.task,
        "pe": run.pe,
        "seed": run.seed,
        "key": run.key,
        "stress": shlex.join(run.stress),
        "refused": run.refused,
        "recorded": run.recorded,
        "failed": run.failed,
    }
    return {name: text for name, text in row.items() if text or name == "options"}


def _plan(content: Content, name: str) -> StudyPlan:
    """The plan of a file whose types are right.

    Raises:
        UsageError: a text has quotes that do not end.
    """

    def words(text: str) -> tuple[str, ...]:
        try:
            return tuple(shlex.split(text))
        except ValueError as error:
            raise UsageError(f"{name}: {text}: {error}") from None

    return StudyPlan(
        content["results"],
        tuple(
            Grid(
                words(grid["command"])[3:],
                words(grid.get("config_dir", "")),
                words(grid["common"]),
                tuple(_run(run, words) for run in grid["runs"]),
            )
            for grid in content["grids"]
        ),
    )


def _run(row: Run, words: Callable[[str], tuple[str, ...]]) -> PlannedRun:
    """The run of a row."""
    return PlannedRun(
        row["key"],
        row["task"],
        row["pe"],
        row["seed"],
        words(row["options"]),
        words(row.get("stress", "")),
        row.get("refused", ""),
        row.get("recorded", ""),
        row.get("failed", ""),
    )
