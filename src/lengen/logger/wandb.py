"""Log runs to Weights & Biases. Never prompts; errors never stop training."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lengen.logger import Logger, RunFacts
from lengen.logger.wandb_session import SUMMARY, TABLE, Mode, Session, check
from lengen.records.curve import COLUMNS, Curve

PLOTTED = ("exact_match", "ci_low", "ci_high", "token_accuracy", "loss")
"""Columns of a curve that are logged as metrics over length; the table contains all columns."""


@dataclass(eq=False)
class Wandb(Logger):
    """Log to W&B as well as to the run folder.

    Args:
        project: the project.
        entity: user or team; None for the account's default.
        mode: `auto` follows WANDB_MODE, else logs online if logged in and offline otherwise; `online` falls back to offline.
    """

    project: str = "lengen"
    entity: str | None = None
    mode: Mode = "auto"
    _session: Session = field(init=False, repr=False)
    _facts: RunFacts | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        check("logger.project", self.project)
        self._session = Session(self.project, self.entity, self.mode)

    def begin(self, facts: RunFacts) -> None:
        """Start a W&B run, or resume the one of this folder."""
        self._facts, session = facts, self._session
        session.open(
            facts.folder,
            lambda renew: _identity(facts.folder, renew=renew),
            name=facts.name,
            group=facts.cell,
            job_type=facts.job_type,
            tags=[tag[:64] for tag in dict.fromkeys(facts.tags) if tag],
            config=dict(facts.config),
        )
        if session.run is None:
            return
        with session.harmless():
            session.run.define_metric("step", hidden=True)
            session.run.define_metric("length", hidden=True)
            session.run.define_metric("train/*", step_metric="step")
            session.run.define_metric("probe/*", step_metric="step")
            session.run.define_metric("curve/*", step_metric="length", summary="none")

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Log metrics of a training step, over steps."""
        if self._session.run is not None:
            with self._session.harmless():
                self._session.run.log({"step": step, **values})

    def curve(self, curve: Curve, figure: Path) -> None:
        """Log the curve over length, as a table and as a figure, and its reaches."""
        run = self._session.run
        if run is None:
            return
        with self._session.harmless():
            import wandb

            for row in curve.rows:
                run.log({"length": row.length, **{f"curve/{name}": getattr(row, name) for name in PLOTTED}})
            for threshold, length in curve.reaches.items():
                run.summary[f"reach/{threshold:.2f}"] = length
            if figure.exists():
                run.log({"figure": wandb.Image(str(figure))})
            data = [[getattr(row, name) for name in COLUMNS] for row in curve.rows]
            run.log({TABLE: wandb.Table(columns=list(COLUMNS), data=data)})  # asks the server, so comes last

    def finish(self, status: str) -> None:
        """End the W&B run and forget it."""
        run, facts = self._session.run, self._facts
        self._facts = None
        if run is None or facts is None:
            return
        with self._session.harmless():
            run.summary["status"] = status
            run.summary.update(_summary(facts.folder))
        self._session.close(0 if status == "finished" else 1)


def _identity(folder: Path, *, renew: bool = False) -> str:
    """Return the W&B id of the run: from the sweep agent, else the one that is stored in the folder."""
    if os.environ.get("WANDB_SWEEP_ID") and (agent_id := os.environ.get("WANDB_RUN_ID")) and not renew:
        return agent_id
    path = folder / "wandb" / "identity"
    if not renew and path.exists() and (stored := path.read_text(encoding="ascii").strip()):
        return stored
    path.parent.mkdir(exist_ok=True)
    identity = secrets.token_hex(4)
    path.write_text(f"{identity}\n", encoding="ascii")
    return identity


def _summary(folder: Path) -> dict[str, Any]:
    """Return the entries of `run.json` that go to the summary."""
    path = folder / "run.json"
    facts = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return {name: facts[name] for name in SUMMARY if name in facts}
