"""Weights & Biases: a view of the run folder that overlays runs. Never prompts, and never stops a training."""

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
"""Columns of a curve that become metrics over length; the table has them all."""


@dataclass(eq=False)
class Wandb(Logger):
    """Log to W&B as well as to the run folder.

    Args:
        project: where runs are put.
        entity: user or team; None for the account's default.
        mode: `auto` is what WANDB_MODE says, else online with a login and offline without; `online` falls back to offline.
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
        """Start a run, or go on with the one of this folder."""
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
        """Log numbers of a training step, against the step."""
        if self._session.run is not None:
            with self._session.harmless():
                self._session.run.log({"step": step, **values})

    def curve(self, curve: Curve, figure: Path) -> None:
        """Log the curve against length, as a table and as a picture, and its reaches."""
        run = self._session.run
        if run is None:
            return
        with self._session.harmless():
            import wandb

            for row in curve.rows:
                run.log({"length": row.length, **{f"curve/{name}": getattr(row, name) for name in PLOTTED}})
            data = [[getattr(row, name) for name in COLUMNS] for row in curve.rows]
            run.log({TABLE: wandb.Table(columns=list(COLUMNS), data=data)})
            for threshold, length in curve.reaches.items():
                run.summary[f"reach/{threshold:.2f}"] = length
            if figure.exists():
                run.log({"figure": wandb.Image(str(figure))})

    def finish(self, status: str) -> None:
        """End the run; the next one begins from nothing."""
        run, facts = self._session.run, self._facts
        self._facts = None
        if run is None or facts is None:
            return
        with self._session.harmless():
            run.summary["status"] = status
            run.summary.update(_found(facts.folder))
        self._session.close(0 if status == "finished" else 1)


def _identity(folder: Path, *, renew: bool = False) -> str:
    """The run's name for W&B's machine: that of the sweep's agent, else one that is kept in the folder."""
    if os.environ.get("WANDB_SWEEP_ID") and (given := os.environ.get("WANDB_RUN_ID")) and not renew:
        return given
    path = folder / "wandb" / "identity"
    if not renew and path.exists() and (kept := path.read_text(encoding="ascii").strip()):
        return kept
    path.parent.mkdir(exist_ok=True)
    identity = secrets.token_hex(4)
    path.write_text(f"{identity}\n", encoding="ascii")
    return identity


def _found(folder: Path) -> dict[str, Any]:
    """What `run.json` knows of the run by now."""
    path = folder / "run.json"
    facts = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return {name: facts[name] for name in SUMMARY if name in facts}
