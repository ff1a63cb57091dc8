"""Log a comparison as one W&B run: its tables, curves, figures and page."""

from __future__ import annotations

import csv
import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lengen.comparison.cell_scores import lengths, matrix
from lengen.comparison.grouping import Panel
from lengen.logger.wandb_session import Session
from lengen.logger.wandb_settings import Mode, check_environment, check_project
from lengen.tracking import wandb_workspace

TABLES = ("table", "pairs")
"""CSV files that are logged as W&B tables; the artifact contains all CSV files."""
KEPT = (".csv", ".md", ".html")
"""Suffixes of the files that the artifact contains."""


@dataclass(frozen=True)
class WandbComparison:
    """Logs comparisons to a W&B project, each as a run of type `compare`.

    Args:
        project: the project; None for WANDB_PROJECT, else `lengen`.
        entity: user or team; None for WANDB_ENTITY, else the account's default.
        mode: as for `logger=wandb`.
    """

    project: str | None = None
    entity: str | None = None
    mode: Mode = "auto"

    def __post_init__(self) -> None:
        check_project("project", self.project)
        check_environment()

    def log(
        self,
        panels: Mapping[str, Panel],
        folder: Path,
        names: Iterable[str],
        *,
        title: str,
        config: Mapping[str, Any],
    ) -> None:
        """Log the files of a comparison; if W&B is online, also set up a workspace.

        Args:
            panels: the panels, by their name in file names.
            folder: folder of the comparison; W&B writes to its subfolder `wandb`.
            names: the files that the comparison has written.
            title: name of the run.
            config: options of the comparison.
        """
        session = Session(self.project, self.entity, self.mode, "the comparison's files are complete")
        with session.harmless():
            session.open(
                folder,
                lambda _: secrets.token_hex(4),
                name=title[:128],
                group=None,
                job_type="compare",
                config=dict(config),
            )
        run = session.run
        if run is None:
            return
        with session.harmless():
            _log(run, panels, folder, sorted(names))
        if session.online:
            with session.harmless():
                wandb_workspace.save(run.entity, run.project, title)
        session.close(0)


def _log(run: Any, panels: Mapping[str, Panel], folder: Path, names: list[str]) -> None:
    """Log tables, curves, figures and files."""
    import wandb

    for name in TABLES:
        if f"{name}.csv" in names:
            columns, data = typed(folder / f"{name}.csv")
            run.log({name: wandb.Table(columns=list(columns), data=data)})
    for name, panel in panels.items():
        if (chart := _curves(panel)) is not None:
            run.log({f"curves/{name}": chart})
    for name in names:
        if name.endswith(".png"):
            run.log({f"figures/{Path(name).stem}": wandb.Image(str(folder / name))})
    artifact = wandb.Artifact(f"comparison-{run.id}", "comparison")
    for name in names:
        if name.endswith(KEPT):
            artifact.add_file(str(folder / name), name)
    run.log_artifact(artifact)


def _curves(panel: Panel) -> Any:
    """Plot the median exact match of every cell over length in one chart; None if no run has a curve."""
    import wandb

    cells = [(cell, at) for cell in panel.cells if (at := lengths(cell))]
    if not cells:
        return None
    return wandb.plot.line_series(
        xs=[list(at) for _, at in cells],
        ys=[np.median(matrix(cell, "exact_match", at), axis=0).tolist() for cell, at in cells],
        keys=[cell.name for cell, _ in cells],
        title=f"{panel.name}: median exact match",
        xname="length",
    )


def typed(path: Path) -> tuple[list[str], list[list[Any]]]:
    """Read the columns and rows of a CSV; a column becomes numeric if every field is a number or empty."""
    with path.open(newline="", encoding="utf-8") as file:
        columns, *rows = list(csv.reader(file))
    values = [_column([row[index] for row in rows]) for index in range(len(columns))]
    return columns, [list(row) for row in zip(*values, strict=True)]


def _column(texts: list[str]) -> list[Any]:
    """Convert a column to numbers if all fields are numbers or empty; an empty field becomes None.

    >>> _column(["1", "", "2.5"]), _column(["1", "a"])
    ([1, None, 2.5], ['1', 'a'])
    """
    try:
        return [json.loads(text) if text else None for text in texts]
    except ValueError:
        return [text or None for text in texts]
