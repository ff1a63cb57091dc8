"""The command of a run, such that it can be given again as it stands. Imports no torch."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from lengen.config.secrets import without_secrets

CALL: ContextVar[str | None] = ContextVar("call", default=None)
"""The Python call that started the run; None if a command line did."""
JOB: ContextVar[Sequence[str] | None] = ContextVar("job", default=None)
"""The command line of this run alone, where it is a job of a study; else None."""


def command() -> str:
    """Return the Python call or the command line that makes the run, without secrets."""
    return without_secrets(CALL.get() or shlex.join(words()))


def words() -> list[str]:
    """Return the words of the command line that makes the run; of a study, those of this run alone."""
    if (job := JOB.get()) is not None:
        return [*job]
    return [*Path(sys.argv[0]).name.split(), *sys.argv[1:]]


@contextmanager
def of_job(given: Sequence[str]) -> Iterator[None]:
    """Take some words for the command line of a run while the block runs."""
    token = JOB.set(given)
    try:
        yield
    finally:
        JOB.reset(token)


@contextmanager
def recorded_arguments() -> Iterator[str | None]:
    """Let libraries that record `sys.argv` record the command of the run, without secrets, while the block runs.

    Yields:
        The program of the command; None for a call in Python.
    """
    before = sys.argv
    known = before if CALL.get() else words()
    sys.argv = [*map(without_secrets, known)]
    try:
        yield None if CALL.get() else sys.argv[0]
    finally:
        sys.argv = before
