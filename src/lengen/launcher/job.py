"""A job, its result, and how a process of its own carries it out. Imports no torch."""

from __future__ import annotations

import io
import os
import pickle
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from multiprocessing import connection, parent_process
from pathlib import Path
from typing import Any

from lengen.records.claim import ClaimedError
from lengen.training.interruption import SIGNALS, exit_code

_BUSY = threading.Lock()
"""Held while this process does a job."""


REFUSED, FAILED = 2, 1
"""Exit codes of a mistake of the user, and of any other failure."""
ELSEWHERE = -1
"""Code of a job that was not done because another process is at it; its value is the path of the claimed folder."""
QUEUED = -2
"""Code of a job that a launcher leaves to a queue, for which it does not wait."""


def named(error: BaseException) -> str:
    """An error on one line: its class, and the first line of its text."""
    return f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')}".removesuffix(": ")


@dataclass(frozen=True)
class JobResult:
    """What a job leaves to be shown.

    Args:
        code: exit code; 0 is success, `ELSEWHERE` and `QUEUED` neither success nor failure.
        line: the result, or the reason of a failure, on one line.
        output: what the job printed.
        traceback: of an error that is not the user's mistake.
        value: what the work returned.
        error: what the work raised; None if it cannot be passed on.
    """

    code: int
    line: str = ""
    output: str = ""
    traceback: str = ""
    value: Any = None
    error: Exception | None = None

    @property
    def bad(self) -> bool:
        """Whether the job was refused or failed."""
        return self.code not in (0, ELSEWHERE, QUEUED)

    @classmethod
    def failed(cls, error: Exception, *, mistake: str | None = None) -> JobResult:
        """The result of a job that has raised an error, which is being handled.

        Args:
            error: the error.
            mistake: what was wrong, on one line, if it was the user's mistake; None shows the traceback of a bug.
        """
        if mistake is not None:
            return cls(REFUSED, mistake, error=error)
        return cls(FAILED, named(error), traceback=traceback.format_exc(), error=error)

    @classmethod
    def passed_over(cls, claimed: ClaimedError) -> JobResult:
        """The result of a job that was not done because another process is at it."""
        return cls(ELSEWHERE, f"passed over: {claimed.text}", value=str(claimed.folder))


@dataclass(frozen=True)
class Planned:
    """A job of a dry run.

    Args:
        threads: threads of torch in each of its processes.
        devices: its processes.
        key: as of the job.
        runs: how many runs it would train.
        seconds: that it takes on this machine, about.
    """

    threads: int = 1
    devices: int = 1
    key: str = ""
    runs: int = 1
    seconds: float = 0.0

    @property
    def cores(self) -> int:
        """CPU cores that it would use."""
        return self.threads * self.devices


@dataclass(frozen=True)
class Job:
    """A job.

    Args:
        label: the options in which it differs from the others.
        work: does the job and returns its result; it is pickled, the user's own classes included.
        threads: threads of torch in each of its processes.
        key: the same for the same work of a later command; empty if there is none.
        devices: its processes, each on a GPU or on CPU threads of its own.
    """

    label: str
    work: Callable[[], JobResult]
    threads: int = 1
    key: str = ""
    devices: int = 1

    @property
    def cores(self) -> int:
        """CPU cores that it uses."""
        return self.threads * self.devices

    def packed(self) -> bytes:
        """The job for another process: its work, and where its modules are found."""
        import cloudpickle

        packed: bytes = cloudpickle.dumps((self.work, list(sys.path), str(Path.cwd())))
        return packed


def carry_out(
    packed: bytes,
    report: Callable[[Mapping[str, Any]], None] | None = None,
    heeded: Callable[[], AbstractContextManager[None]] = SIGNALS.heeded,
) -> JobResult:
    """Do a job in this process, which does nothing else.

    Args:
        packed: the job.
        report: receives how far the job is, as a bar of `lengen.training.progress` reports it.
        heeded: which signals stop the job.
    """
    from lengen.training.progress import reported_to

    def unpacked() -> JobResult:
        import cloudpickle

        work, places, folder = cloudpickle.loads(packed)
        sys.path.extend(place for place in places if place not in sys.path)
        os.chdir(folder)
        result: JobResult = work()
        return result

    with _BUSY, reported_to(report):
        return captured(unpacked, heeded)


def captured(
    work: Callable[[], JobResult], heeded: Callable[[], AbstractContextManager[None]] = SIGNALS.heeded
) -> JobResult:
    """Do the work of a job in this process: what it prints, raises, or is stopped by, becomes its result.

    Args:
        work: the work.
        heeded: which signals stop the job.
    """
    output = io.StringIO()
    with redirect_stdout(output), redirect_stderr(output), heeded():
        try:
            result = work()
        except KeyboardInterrupt as stopped:
            result = JobResult(exit_code(stopped), str(stopped) or "interrupted")
        except Exception as error:  # noqa: BLE001  # shown by the parent
            result = JobResult.failed(error)
    return replace(result, output=output.getvalue(), error=result.error if pickles(result.error) else None)


def pickles(value: object) -> bool:
    """Whether a value can be passed to another process."""
    try:
        pickle.dumps(value)
    except Exception:  # noqa: BLE001  # of whatever a user's exception holds
        return False
    return True


def end_with_parent() -> None:
    """Stop this process, as by SIGTERM, when the process that started it is gone: its job writes a checkpoint first."""
    parent = parent_process()
    if parent is None:
        return

    def watch() -> None:
        connection.wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)
        _BUSY.acquire()  # until the job has ended
        os._exit(128 + signal.SIGTERM)

    threading.Thread(target=watch, daemon=True, name="lengen-parent").start()
