"""A job inside Slurm: it writes a checkpoint when Slurm asks, and goes back to the queue."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from lengen.launcher.job import JobResult, carry_out
from lengen.launcher.slurm_queue import asked
from lengen.training.interruption import SIGNALS

WARNING = signal.SIGUSR2
"""What Slurm sends before the time limit, and where it is configured so before a preemption; submitit asks for it."""
STARTS = 3
"""How often a job may go back to the queue without having done anything: a limit that is too short, or a preemption."""
PAUSE = 30.0
"""Seconds between lines of a log that say how far a job is."""


@dataclass(frozen=True)
class SlurmJob:
    """A job, and what happens when Slurm stops it.

    Args:
        packed: the job.
        requeue: how often it may go back to the queue.
    """

    packed: bytes
    requeue: int

    def __call__(self) -> JobResult:
        """Carry out the job.

        Raises:
            SystemExit: Slurm stops the job, which has written a checkpoint. There is no result: what becomes of the job is
                seen in the queue.
        """
        log = ProgressLog()
        result = carry_out(self.packed, log, partial(SIGNALS.heeded, WARNING, once=True))
        print(result.output + result.traceback + result.line, flush=True)  # noqa: T201
        if result.code <= signal.NSIG:
            return result
        if job_state() == "RUNNING":
            if restarts() >= self.requeue:
                stops = f"stopped by Slurm {restarts() + 1} times (launcher.requeue={self.requeue})"
                return JobResult(result.code, f"{stops}; the same command goes on with it")
            if not log.begun and restarts() >= STARTS:
                stops = f"stopped by Slurm before it had done anything, and {restarts()} times before"
                return JobResult(result.code, f"{stops}: launcher.time must be longer than its start")
            subprocess.run(["scontrol", "requeue", number()], check=True, timeout=60)
        sys.exit(result.code)


def number() -> str:
    """Number of this job. In an array it has two parts: the one part may be that of the whole array."""
    array = os.environ.get("SLURM_ARRAY_JOB_ID")
    return f"{array}_{os.environ['SLURM_ARRAY_TASK_ID']}" if array else os.environ["SLURM_JOB_ID"]


def job_state() -> str:
    """State of this job: `RUNNING` after a warning, else Slurm is ending it or has put it back into the queue itself."""
    found = re.search(r"JobState=(\w+)", asked("scontrol", "show", "job", number()) or "")
    return found[1] if found else ""


def restarts() -> int:
    """How often this job has gone back to the queue."""
    return int(os.environ.get("SLURM_RESTART_COUNT", "0"))


class ProgressLog:
    """Prints how far a job is, now and then.

    Attributes:
        begun: whether it is beyond its start.
    """

    def __init__(self) -> None:
        self.begun, self._stream, self._last = False, sys.stdout, time.monotonic()

    def __call__(self, state: Mapping[str, Any]) -> None:
        """Take the state of a job."""
        self.begun = True
        if time.monotonic() > self._last + PAUSE:
            self._last = time.monotonic()
            line = f"{state['completed']:.0f} of {state['total']:.0f} {state['text']}"
            print(line, file=self._stream, flush=True)
