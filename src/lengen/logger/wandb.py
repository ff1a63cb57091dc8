"""Log runs to Weights & Biases. Never prompts; errors never stop training."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from lengen.logger import PLOTTED, Logger, RunFacts, wandb_artifacts
from lengen.logger.wandb_session import SUMMARY, TABLE, Session
from lengen.logger.wandb_settings import (
    LONGEST_TAG,
    Mode,
    check_environment,
    check_name,
    check_project,
    check_tags,
    tags_of,
    trial,
    variable,
)
from lengen.records.curve import COLUMNS, Curve
from lengen.records.run_dir import RunFolder

DESCRIBED = ("cell", "id_exact_match", "trained", "parameters", "parameters_digest", "command")
"""Entries of `run.json` that describe a model."""


@dataclass(eq=False)
class Wandb(Logger):
    """Log to W&B as well as to the run folder. What is None is taken from the environment variable of W&B, if that is set.

    Args:
        project: the project; None for WANDB_PROJECT, else `lengen`.
        entity: user or team; None for WANDB_ENTITY, else the account's default.
        mode: `auto` follows WANDB_MODE, else logs online if logged in and offline otherwise; `online` falls back to offline.
        name: display name of the run; None for the option `name`, else WANDB_NAME, else task, encoding and seed.
        group: its group; None for WANDB_RUN_GROUP, else its cell.
        tags: tags besides task, encoding, positions and decoder; None for WANDB_TAGS.
        notes: a text about it; None for WANDB_NOTES.
        log_model: whether the finished run's folder is logged as an artifact, with its last and best checkpoint.
        save_code: whether the modules of one's own that a run has used are logged as an artifact, and the difference of the
            checkout from its commit; None for WANDB_SAVE_CODE.
        gradients: whether histograms of the gradients are logged, as often as the loss.
        system: whether use of processors and memory is logged.
    """

    project: str | None = None
    entity: str | None = None
    mode: Mode = "auto"
    name: str | None = None
    group: str | None = None
    tags: list[str] | None = None
    notes: str | None = None
    log_model: bool = False
    save_code: bool | None = None
    gradients: bool = False
    system: bool = False
    _session: Session = field(init=False, repr=False)
    _facts: RunFacts | None = field(default=None, init=False, repr=False)
    _watched: nn.Module | None = field(default=None, init=False, repr=False)
    _logged: bool = field(default=False, init=False, repr=False)

    def __post_init__(self) -> None:
        check_project("logger.project", self.project)
        check_project("logger.entity", self.entity)
        check_name("logger.name", self.name)
        check_name("logger.group", self.group)
        check_tags("logger.tags", self.tags)
        check_environment()
        settings = {"x_disable_stats": not self.system, "save_code": self.save_code}
        self._session = Session(self.project, self.entity, self.mode, settings=settings)

    @property
    def repeats(self) -> bool:
        """For the agent of a W&B sweep, which gives every trial a run of its own."""
        return trial() is not None

    def begin(self, facts: RunFacts) -> None:
        """Start a W&B run, or resume the one of this folder."""
        self._facts, self._logged, session = facts, False, self._session
        group = self.group or variable("WANDB_RUN_GROUP") or facts.cell
        cell = [facts.cell] if group != facts.cell else []  # by which lengen compare finds the runs of a cell
        tags = [*facts.tags, *(tags_of("WANDB_TAGS") if self.tags is None else self.tags), *cell]
        session.open(
            facts.folder,
            lambda renew: _identity(facts.folder, renew=renew),
            name=self.name or (None if facts.named else variable("WANDB_NAME")) or facts.name,
            group=group,
            job_type=facts.job_type,
            tags=[tag[:LONGEST_TAG] for tag in dict.fromkeys(tags) if tag],
            notes=self.notes,
            config=dict(facts.config),
        )
        if session.run is None:
            return
        with session.harmless():
            session.run.define_metric("step", hidden=True)
            session.run.define_metric("length", hidden=True)
            session.run.define_metric("train/*", step_metric="step")
            session.run.define_metric("probe/*", step_metric="step")
            session.run.define_metric("gradients/*", step_metric="step")
            session.run.define_metric("curve/*", step_metric="length", summary="none")

    def watch(self, decoder: nn.Module) -> None:
        """Remember whose gradients are logged, if the option asks for them."""
        self._watched = decoder if self.gradients else None

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Log metrics of a training step, over steps, and the gradients of that step."""
        if self._session.run is not None:
            with self._session.harmless():
                self._log({"step": step, **values, **_histograms(self._watched)}, step)

    def _log(self, values: Mapping[str, Any], step: int) -> None:
        """Log a row. Offline, W&B's own count of rows begins at the training step: it does not know of those before an interruption."""
        first, self._logged = not self._logged and not self._session.online, True
        self._session.run.log(dict(values), **({"step": step, "commit": True} if first else {}))

    def curve(self, curve: Curve, figure: Path) -> None:
        """Log the curve over length, as a table and as a figure, and its reaches."""
        run = self._session.run
        if run is None:
            return
        with self._session.harmless():
            import wandb

            for row in curve.rows:
                values = {f"curve/{name}": getattr(row, name) for name in PLOTTED}
                self._log({"length": row.length, **values}, row.step)
            for threshold, length in curve.reaches.items():
                run.summary[f"reach/{threshold:.2f}"] = length
            if figure.exists():
                run.log({"figure": wandb.Image(str(figure))})
            data = [[getattr(row, name) for name in COLUMNS] for row in curve.rows]
            run.log({TABLE: wandb.Table(columns=list(COLUMNS), data=data)})  # asks the server, so comes last

    def finish(self, status: str) -> None:
        """End the W&B run and forget it."""
        run, facts = self._session.run, self._facts
        self._facts = self._watched = None
        if run is None or facts is None:
            return
        with self._session.harmless():
            run.summary["status"] = status
            known = RunFolder(facts.folder).facts()
            run.summary.update({name: known[name] for name in SUMMARY if name in known})
            if self.save_code:
                wandb_artifacts.log_code(run, known.get("sources") or {})
            if self.log_model and status == "finished":
                described = {name: known[name] for name in DESCRIBED if name in known}
                run.log_artifact(wandb_artifacts.model(run.id, facts.folder, described))
        self._session.close(0 if status == "finished" else 1)


def _identity(folder: Path, *, renew: bool = False) -> str:
    """Return the W&B id of the run: from the sweep agent, else the one that is stored in the folder."""
    if (given := trial()) and not renew:
        return given
    path = folder / "wandb" / "identity"
    if not renew and path.exists() and (stored := path.read_text(encoding="ascii").strip()):
        return stored
    path.parent.mkdir(exist_ok=True)
    identity = secrets.token_hex(4)
    path.write_text(f"{identity}\n", encoding="ascii")
    return identity


def _histograms(decoder: nn.Module | None) -> dict[str, Any]:
    """Return histograms of the gradients, by name; empty for None. W&B's own `watch` needs a run that is global."""
    if decoder is None:
        return {}
    import wandb

    gradients = {name: each.grad for name, each in decoder.named_parameters() if each.grad is not None}
    return {
        f"gradients/{name}": wandb.Histogram(
            np_histogram=np.histogram(gradient.detach().float().nan_to_num().cpu().numpy(), bins=64)
        )
        for name, gradient in gradients.items()
    }
