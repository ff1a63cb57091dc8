"""A study as one run of W&B: its tables, figures, curves and page."""

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
from lengen.logger.wandb_session import Mode, Session, asked, check
from lengen.tracking import wandb_workspace

TABLES = ("table", "pairs")
"""CSV files that become tables of their own; the artifact has them all."""
KEPT = (".csv", ".md", ".html")
"""Endings of the files that the artifact has."""


@dataclass(frozen=True)
class WandbComparison:
    """Where studies are logged: one run of type `compare` each.

    Args:
        project: where the run is put.
        entity: user or team; None for the account's default.
        mode: as for the logger of a training.
    """

    project: str = "lengen"
    entity: str | None = None
    mode: Mode = "auto"

    def __post_init__(self) -> None:
        check("project", self.project)
        asked(self.mode)

    def log(
        self,
        panels: Mapping[str, Panel],
        folder: Path,
        names: Iterable[str],
        *,
        title: str,
        config: Mapping[str, Any],
    ) -> None:
        """Log what a comparison has written; where it goes online, set a workspace up as well.

        Args:
            panels: by what each is called in names of files.
            folder: of the comparison; W&B's own files go to `wandb` in there.
            names: the files that the comparison has written.
            title: names the run.
            config: what was asked for.
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
    """Tables, curves, figures and files."""
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
    """Median exact match over length of every cell, as one chart; None where no run has a curve."""
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
    """Columns and rows of a CSV; a column whose every field is a number or empty is one of numbers."""
    with path.open(newline="", encoding="utf-8") as file:
        columns, *rows = list(csv.reader(file))
    values = [_column([row[index] for row in rows]) for index in range(len(columns))]
    return columns, [list(row) for row in zip(*values, strict=True)]


def _column(texts: list[str]) -> list[Any]:
    """Numbers, if they all are; None for an empty field.

    >>> _column(["1", "", "2.5"]), _column(["1", "a"])
    ([1, None, 2.5], ['1', 'a'])
    """
    try:
        return [json.loads(text) if text else None for text in texts]
    except ValueError:
        return [text or None for text in texts]
