"""The jobs of a multirun: each composed configuration is carried out by a launcher, in a process of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lengen.config.errors import is_usage_error
from lengen.config.explain import explain
from lengen.launcher.job import JobResult


@dataclass(frozen=True)
class Composed:
    """A job of a multirun, composed and not yet carried out.

    Args:
        overrides: in which it differs from the others.
        config: its configuration, resolved; empty if it could not be composed.
        own_modules: top-level modules of the user's classes.
        refused: why it could not be composed.
    """

    overrides: list[str]
    config: dict[str, Any]
    own_modules: frozenset[str] = frozenset()
    refused: str = ""


@dataclass(frozen=True)
class Guarded:
    """A command's function on one configuration; its errors become a result.

    Args:
        work: called with the configuration and the allowed modules.
        job: the configuration.
        command: name of the command, for messages.
        arguments: the command line, for messages.
        folders: the user's configuration folders.
    """

    work: Callable[[dict[str, Any], set[str]], JobResult]
    job: Composed
    command: str
    arguments: list[str]
    folders: list[Path]

    def __call__(self) -> JobResult:
        """Carry out the job."""
        own = set(self.job.own_modules)
        try:
            return self.work(self.job.config, {"lengen", *own})
        except Exception as error:  # noqa: BLE001  # shown by the command
            usage = is_usage_error(error, own)
            mistake = explain(error, self.command, self.arguments, self.folders) if usage else None
            return JobResult.failed(error, mistake=mistake)
