"""Weights & Biases: a view of the run folder that overlays runs. Never prompts, and never stops a training."""

from __future__ import annotations

import json
import os
import secrets
import shlex
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any, Literal

from lengen.curve import COLUMNS, Curve
from lengen.logger import Logger, RunFacts

Mode = Literal["auto", "online", "offline", "disabled"]
PATIENCE = 20
"""Seconds to wait for the server when a run begins."""
PLOTTED = ("exact_match", "ci_low", "ci_high", "token_accuracy", "loss")
"""Columns of a curve that become metrics over length; the table has them all."""
SUMMARY = (
    "id_exact_match",
    "trained",
    "parameters",
    "largest_position",
    "peak_bytes",
    "wall_seconds",
    "train_seconds",
    "steps_per_second",
)
"""Facts of `run.json` that go to the summary when the run is over."""
FORBIDDEN = "/\\#?%:"


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
    _run: Any = field(default=None, init=False, repr=False)
    _facts: RunFacts | None = field(default=None, init=False, repr=False)
    _warned: bool = field(default=False, init=False, repr=False)

    def __post_init__(self) -> None:
        if not self.project or set(self.project) & set(FORBIDDEN):
            raise ValueError(
                f"logger.project={self.project!r}: allowed is any name without {' '.join(FORBIDDEN)}"
            )

    def begin(self, facts: RunFacts) -> None:
        """Start a run, or go on with the one of this folder."""
        self._run, self._facts, self._warned = None, facts, False
        mode = self._resolve()
        if mode == "disabled":
            return
        identity = _identity(facts.folder)
        if mode == "online":
            try:
                self._run = self._start(facts, identity, "online")
            except Exception as error:  # noqa: BLE001  # whatever keeps it from going online, the run goes on
                say(f"W&B cannot be reached ({_first_line(error)}); logging offline")
                identity = _identity(facts.folder, renew=True)  # the old one stays taken in this process
        if self._run is None:
            self._run = self._start_offline(facts, identity)
        with self._harmless():
            if self._run.settings.mode != "offline":
                say(f"W&B: {self._run.url}")
            self._run.define_metric("step", hidden=True)
            self._run.define_metric("length", hidden=True)
            self._run.define_metric("train/*", step_metric="step")
            self._run.define_metric("probe/*", step_metric="step")
            self._run.define_metric("curve/*", step_metric="length", summary="none")

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Log numbers of a training step, against the step."""
        if self._run is not None:
            with self._harmless():
                self._run.log({"step": step, **values})

    def curve(self, curve: Curve, figure: Path) -> None:
        """Log the curve against length, as a table and as a picture, and its reaches."""
        if self._run is None:
            return
        with self._harmless():
            import wandb

            for row in curve.rows:
                self._run.log(
                    {"length": row.length, **{f"curve/{name}": getattr(row, name) for name in PLOTTED}}
                )
            data = [[getattr(row, name) for name in COLUMNS] for row in curve.rows]
            self._run.log({"curve_table": wandb.Table(columns=list(COLUMNS), data=data)})
            for threshold, length in curve.reaches.items():
                self._run.summary[f"reach/{threshold:.2f}"] = length
            if figure.exists():
                self._run.log({"figure": wandb.Image(str(figure))})

    def finish(self, status: str) -> None:
        """End the run; the next one begins from nothing."""
        run, facts = self._run, self._facts
        self._run = self._facts = None
        if run is None or facts is None:
            return
        with self._harmless():
            run.summary["status"] = status
            run.summary.update(_found(facts.folder))
        with self._harmless():
            run.finish(exit_code=0 if status == "finished" else 1)
        with self._harmless():
            if run.settings.mode == "offline":
                say(
                    f"W&B is offline; to upload this run: wandb sync {shlex.quote(str(run.settings.sync_dir))}"
                )

    def _resolve(self) -> Literal["online", "offline", "disabled"]:
        """The mode that `auto` comes to here, and `online` where there is no login."""
        asked: str = self.mode
        if asked == "auto":
            asked = os.environ.get("WANDB_MODE", "").lower() or "auto"
            asked = {"dryrun": "offline", "run": "online"}.get(asked, asked)
        match asked:
            case "offline" | "disabled":
                return asked
            case "online" | "auto":
                if logged_in():
                    return "online"
                if asked == "online":
                    say("W&B has no login that works (wandb login); logging offline")
                return "offline"
        raise ValueError(f"WANDB_MODE={asked}: allowed are online, offline, disabled")

    def _start(self, facts: RunFacts, identity: str, mode: Literal["online", "offline"]) -> Any:
        """A W&B run of its own, apart from any other in this process."""
        import wandb

        return wandb.init(
            project=self.project,
            entity=self.entity,
            dir=str(facts.folder),
            id=identity,
            name=facts.name,
            group=facts.cell,
            job_type=facts.job_type,
            tags=[tag[:64] for tag in dict.fromkeys(facts.tags) if tag],
            config=dict(facts.config),
            allow_val_change=True,
            mode=mode,
            resume="allow",
            reinit="create_new",
            settings=wandb.Settings(silent=True, console="off", symlink=False, init_timeout=PATIENCE),
        )

    def _start_offline(self, facts: RunFacts, identity: str) -> Any:
        """A run on disk alone; what W&B refuses even there is a mistake in the options."""
        import wandb

        try:
            return self._start(facts, identity, "offline")
        except wandb.errors.UsageError as error:
            raise ValueError(f"logger=wandb: {_first_line(error)}") from None

    @contextmanager
    def _harmless(self) -> Iterator[None]:
        """Turn whatever W&B raises into one line of warning a run."""
        try:
            yield
        except Exception as error:  # noqa: BLE001  # a view must not take the run down with it
            if not self._warned:
                say(f"W&B failed ({_first_line(error)}); the run goes on, its files are complete")
            self._warned = True


def logged_in() -> bool:
    """Whether W&B has a login and its server answers; asks nobody, prints nothing."""
    import wandb

    with redirect_stderr(StringIO()):
        try:
            return bool(wandb.login(prompt=False))
        except wandb.errors.Error:
            return False


def say(line: str) -> None:
    """Print a line to standard error."""
    sys.stderr.write(f"lengen: {line}\n")


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


def _first_line(error: Exception) -> str:
    """What went wrong, in a line."""
    return (str(error).splitlines() or [type(error).__name__])[0]
