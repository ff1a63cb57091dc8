"""A session with one W&B run. Never prompts; errors become a one-line warning."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any, Literal

from lengen.config.errors import UsageError
from lengen.logger.wandb_settings import PROJECT, Mode, name_project, requested_mode, variable
from lengen.logger.wandb_upload import left_to_the_study, mark, sync_command, unsent
from lengen.records.command import recorded_arguments

PATIENCE = 20
"""Seconds that the beginning waits for the server."""
UPLOAD = 60
"""Seconds that the end waits for the server to receive the rest."""

TABLE = "curve_table"
"""Name under which the curve is logged as a table."""
SUMMARY = (
    "cell",
    "id_exact_match",
    "trained",
    "error_law",
    "parameters",
    "parameters_digest",
    "largest_position",
    "peak_bytes",
    "memory_bytes",
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
"""Entries of `run.json` that go to the summary when the run ends: its results, and what `lengen compare` needs."""


@dataclass(eq=False)
class Session:
    """A W&B run that can be opened and closed.

    Args:
        project: the project; None for WANDB_PROJECT, else `lengen`.
        entity: user or team; None for WANDB_ENTITY, else the account's default.
        mode: `auto` follows WANDB_MODE, else logs online if logged in and offline otherwise; `online` falls back to offline.
        reassurance: the end of a warning, which says what is not lost.
        settings: further settings of W&B.
        run: the W&B run while the session is open, else None.
    """

    project: str | None = None
    entity: str | None = None
    mode: Mode = "auto"
    reassurance: str = "the run continues, and its files are complete"
    settings: Mapping[str, Any] = field(default_factory=dict)
    run: Any = field(default=None, init=False, repr=False)
    _warned: bool = field(default=False, init=False, repr=False)
    _folder: Path = field(default=Path(), init=False, repr=False)

    def open(self, folder: Path, identity: Callable[[bool], str], **options: Any) -> None:
        """Start or resume a run.

        Args:
            folder: W&B writes to its subfolder `wandb`, or to that of WANDB_DIR.
            identity: returns the W&B id of the run; called with True for a new id if the first can no longer be used.
            options: further arguments of `wandb.init`.

        Raises:
            UsageError: the mode is invalid, or W&B rejects the options.
        """
        self.run, self._warned, self._folder = None, False, folder
        name_project(self.project, self.entity)
        mode = self.resolve()
        if mode == "disabled":
            return
        name = identity(False)
        if mode == "online":
            try:
                self.run = self._start(folder, name, "online", options)
            except Exception as error:  # noqa: BLE001  # an unreachable server must not stop the work
                say(f"W&B cannot be reached ({first_line(error)}); logging offline")
                name = identity(True)  # the first id stays in use in this process
        if self.run is None:
            self.run = self._start_offline(folder, name, options)
        with self.harmless():
            if self.online and not left_to_the_study():
                say(f"W&B: {self.run.url}")

    @property
    def online(self) -> bool:
        """Whether the open run is logged to the server."""
        return self.run is not None and self.run.settings.mode != "offline"

    def close(self, code: int) -> None:
        """End the run; if W&B has not received all of it, print how to upload it."""
        run, self.run = self.run, None
        if run is None:
            return
        reason = ""
        with self.harmless():
            try:
                run.finish(exit_code=code)
            except TimeoutError:
                reason = f"W&B has not received everything within {UPLOAD} s"
        with self.harmless():
            if not reason and run.settings.mode == "offline":
                reason = "W&B is offline"
            if reason:
                sync_dir = Path(run.settings.sync_dir).absolute()
                mark(self._folder, sync_dir)
                if not left_to_the_study():
                    parts = unsent(self._folder) or [sync_dir]  # also those of before it was interrupted
                    say(f"{reason}; to upload this run: {sync_command(parts, shlex.join(map(str, parts)))}")

    def resolve(self) -> Literal["online", "offline", "disabled"]:
        """Return the effective mode: resolves `auto`, and falls back to offline without a login."""
        match requested_mode(self.mode):
            case "offline":
                return "offline"
            case "disabled":
                return "disabled"
            case requested:
                import wandb

                try:
                    if logged_in():
                        return "online"
                except wandb.errors.Error as error:
                    say(f"W&B cannot be reached, or refuses the login ({first_line(error)}); logging offline")
                else:
                    if requested == "online":
                        say("not logged in to W&B (wandb login); logging offline")
                return "offline"

    def _start(self, folder: Path, identity: str, mode: Literal["online", "offline"], options: Any) -> Any:
        """Start a W&B run that is independent of any other in this process."""
        import wandb

        place = Path(
            variable("WANDB_DIR") or folder
        ).absolute()  # the service has a working folder of its own
        place.mkdir(parents=True, exist_ok=True)  # W&B looks for a repository in it before it makes it
        with recorded_arguments() as program:
            return wandb.init(
                project=self.project or variable("WANDB_PROJECT") or PROJECT,
                entity=self.entity,
                dir=str(place),
                id=identity,
                allow_val_change=True,
                mode=mode,
                resume="allow",
                reinit="create_new",
                settings=wandb.Settings(
                    silent=True,
                    console="off",
                    symlink=False,
                    init_timeout=PATIENCE,
                    finish_timeout=UPLOAD,
                    finish_timeout_raises=True,
                    program=program,
                    **self.settings,
                ),
                **options,
            )

    def _start_offline(self, folder: Path, identity: str, options: Any) -> Any:
        """Start an offline run; if W&B rejects even that, the options are wrong."""
        import wandb

        try:
            return self._start(folder, identity, "offline", options)
        except wandb.errors.UsageError as error:
            raise UsageError(f"wandb: {first_line(error)}") from None

    @contextmanager
    def harmless(self) -> Iterator[None]:
        """Turn errors of W&B into a one-line warning, printed once per session."""
        try:
            yield
        except Exception as error:  # noqa: BLE001  # logging must not stop the work
            if not self._warned:
                say(f"W&B failed ({first_line(error)}); {self.reassurance}")
            self._warned = True


def logged_in() -> bool:
    """Whether the user has logged in to W&B; does not prompt or print.

    Raises:
        wandb.errors.Error: the server does not answer, or refuses the login.
    """
    import wandb

    with redirect_stderr(StringIO()):
        return bool(wandb.login(prompt=False))


def say(line: str) -> None:
    """Print a line to standard error."""
    sys.stderr.write(f"lengen: {line}\n")


def first_line(error: Exception) -> str:
    """Return the first line of an error message."""
    return (str(error).splitlines() or [type(error).__name__])[0]
