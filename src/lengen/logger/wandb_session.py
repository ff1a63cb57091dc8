"""One run of W&B, from opening to closing: never prompts, and whatever fails is a line of warning."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any, Literal

from lengen.config.errors import UsageError

Mode = Literal["auto", "online", "offline", "disabled"]
PATIENCE = 20
"""Seconds to wait for the server."""
FORBIDDEN = "/\\#?%:"

TABLE = "curve_table"
"""What the table is called."""
SUMMARY = (
    "cell",
    "id_exact_match",
    "trained",
    "parameters",
    "largest_position",
    "peak_bytes",
    "wall_seconds",
    "train_seconds",
    "steps_per_second",
    "protocol",
    "category",
    "device",
    "command",
    "finished",
    "error",
)
"""Facts of `run.json` that go to the summary when the run is over: the verdict, and all that comparing needs."""


@dataclass(eq=False)
class Session:
    """A run of W&B, open or not.

    Args:
        project: where runs are put.
        entity: user or team; None for the account's default.
        mode: `auto` is what WANDB_MODE says, else online with a login and offline without; `online` falls back to offline.
        solace: what a warning ends with: what is not lost.
        run: W&B's own, while the session is open.
    """

    project: str
    entity: str | None = None
    mode: Mode = "auto"
    solace: str = "the run goes on, its files are complete"
    run: Any = field(default=None, init=False, repr=False)
    _warned: bool = field(default=False, init=False, repr=False)

    def open(self, folder: Path, identity: Callable[[bool], str], **told: Any) -> None:
        """Start a run, or go on with one.

        Args:
            folder: its files go to `wandb` in there.
            identity: W&B's name of the run; asked with True for a new one when the first is of no use any more.
            told: what else `wandb.init` is told.

        Raises:
            UsageError: the mode is none, or W&B refuses the options.
        """
        self.run, self._warned = None, False
        mode = self.resolve()
        if mode == "disabled":
            return
        name = identity(False)
        if mode == "online":
            try:
                self.run = self._start(folder, name, "online", told)
            except Exception as error:  # noqa: BLE001  # whatever keeps it from going online, the work goes on
                say(f"W&B cannot be reached ({first_line(error)}); logging offline")
                name = identity(True)  # the old one stays taken in this process
        if self.run is None:
            self.run = self._start_offline(folder, name, told)
        with self.harmless():
            if self.online:
                say(f"W&B: {self.run.url}")

    @property
    def online(self) -> bool:
        """Whether the open run goes to the server."""
        return self.run is not None and self.run.settings.mode != "offline"

    def close(self, code: int) -> None:
        """End the run, and say how to upload it if it stayed here."""
        run, self.run = self.run, None
        if run is None:
            return
        with self.harmless():
            run.finish(exit_code=code)
        with self.harmless():
            if run.settings.mode == "offline":
                place = shlex.quote(str(run.settings.sync_dir))
                say(f"W&B is offline; to upload this run: wandb sync {place}")

    def resolve(self) -> Literal["online", "offline", "disabled"]:
        """The mode that `auto` comes to here, and `online` where there is no login."""
        match asked(self.mode):
            case "offline":
                return "offline"
            case "disabled":
                return "disabled"
            case wanted:
                if logged_in():
                    return "online"
                if wanted == "online":
                    say("W&B has no login that works (wandb login); logging offline")
                return "offline"

    def _start(self, folder: Path, identity: str, mode: Literal["online", "offline"], told: Any) -> Any:
        """A W&B run of its own, apart from any other in this process."""
        import wandb

        return wandb.init(
            project=self.project,
            entity=self.entity,
            dir=str(folder),
            id=identity,
            allow_val_change=True,
            mode=mode,
            resume="allow",
            reinit="create_new",
            settings=wandb.Settings(silent=True, console="off", symlink=False, init_timeout=PATIENCE),
            **told,
        )

    def _start_offline(self, folder: Path, identity: str, told: Any) -> Any:
        """A run on disk alone; what W&B refuses even there is a mistake in the options."""
        import wandb

        try:
            return self._start(folder, identity, "offline", told)
        except wandb.errors.UsageError as error:
            raise UsageError(f"wandb: {first_line(error)}") from None

    @contextmanager
    def harmless(self) -> Iterator[None]:
        """Turn whatever W&B raises into one line of warning a session."""
        try:
            yield
        except Exception as error:  # noqa: BLE001  # a view must not take down what it looks at
            if not self._warned:
                say(f"W&B failed ({first_line(error)}); {self.solace}")
            self._warned = True


def check(option: str, project: str) -> None:
    """Refuse what is no name of a project.

    Raises:
        UsageError: it is empty, or has signs that W&B does not allow.
    """
    if not project or set(project) & set(FORBIDDEN):
        raise UsageError(f"{option}={project!r}: must be a name without {' '.join(FORBIDDEN)}")


def asked(mode: Mode) -> str:
    """The mode that the option and WANDB_MODE ask for together: `auto` is what the variable says.

    Raises:
        UsageError: the variable says nothing that is allowed.
    """
    if mode != "auto":
        return mode
    told = os.environ.get("WANDB_MODE", "").lower() or "auto"
    told = {"dryrun": "offline", "run": "online"}.get(told, told)
    if told not in ("auto", "online", "offline", "disabled"):
        raise UsageError(f"WANDB_MODE={told}: allowed are online, offline, disabled")
    return told


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


def first_line(error: Exception) -> str:
    """What went wrong, in a line."""
    return (str(error).splitlines() or [type(error).__name__])[0]
