"""What Slurm says of jobs: those that are in its queue, and why others have ended. Works without Slurm's accounting."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Collection, Iterable
from dataclasses import dataclass

ENDED = {
    "CANCELLED": "it was cancelled",
    "TIMEOUT": "its time limit ran out (launcher.time)",
    "DEADLINE": "its deadline has passed",
    "OUT_OF_MEMORY": "out of memory (launcher.memory)",
    "NODE_FAIL": "its node failed",
    "BOOT_FAIL": "its node did not start",
    "PREEMPTED": "it was preempted",
    "REVOKED": "another cluster has it",
    "FAILED": "its process ended without a result",
    "COMPLETED": "it left no result",
}
"""States of jobs that have ended, and what a user reads."""
ORDINARY = {"", "Priority", "Resources", "BeginTime", "JobArrayTaskLimit", "Dependency"}
"""Reasons of waiting that pass by themselves."""
GONE = "it left the queue without a result"
"""What is said where Slurm knows nothing of a job any more."""


@dataclass(frozen=True)
class State:
    """The state of a job.

    Args:
        name: `PENDING`, `RUNNING`, one of `ENDED`, or another of Slurm's.
        reason: why it waits, or why it failed, in Slurm's words; empty if there is none.
    """

    name: str
    reason: str = ""

    @property
    def ended(self) -> bool:
        """Whether a job in this state has ended."""
        return self.name in ENDED

    @property
    def text(self) -> str:
        """Why a job in this state left no result."""
        return ENDED.get(self.name, GONE) + (f" ({self.reason})" if self.reason else "")


def held(jobs: Iterable[State]) -> set[str]:
    """Reasons for which jobs wait that may not pass, such as a partition that has no such node.

    >>> held([State("PENDING", "Resources"), State("PENDING", "PartitionConfig"), State("RUNNING", "None")])
    {'PartitionConfig'}
    """
    return {job.reason for job in jobs if job.name == "PENDING"} - ORDINARY


def queue() -> dict[str, State] | None:
    """State of every job of this user that Slurm remembers, by its number (`123_4` in an array); None without an answer.

    What has ended is remembered for some minutes (`MinJobAge` of Slurm's configuration).
    """
    answer = asked("squeue", "--me", "--noheader", "--array", "--states=all", "--format=%i|%T|%r")
    return None if answer is None else states(answer)


def accounting(numbers: Collection[str]) -> dict[str, State]:
    """State of jobs by Slurm's accounting; empty where there is none."""
    arrays = sorted({number.partition("_")[0] for number in numbers})
    answer = asked(
        "sacct",
        "--noheader",
        "--parsable2",
        "--allocations",
        "--format=JobID,State,Reason",
        f"--jobs={','.join(arrays)}",
    )
    return states(answer or "")


def states(answer: str) -> dict[str, State]:
    r"""Read lines of number, state and reason.

    >>> states("12_0|PENDING|Resources\n12_1|CANCELLED by 0|None\n")
    {'12_0': State(name='PENDING', reason='Resources'), '12_1': State(name='CANCELLED', reason='')}
    """
    found = {}
    for line in answer.splitlines():
        number, name, reason = line.split("|", 2)
        found[number] = State(name.split()[0], "" if reason in ("None", "") else reason)
    return found


def summary(known: Collection[State]) -> str:
    r"""How many jobs run, and how many wait for what.

    >>> summary(states("1_0|RUNNING|None\n1_1|PENDING|Resources\n1_2|PENDING|Resources").values())
    '1 running, 2 pending (Resources)'
    """
    running = sum(state.name == "RUNNING" for state in known)
    pending = [state.reason for state in known if state.name == "PENDING"]
    reasons = ", ".join(sorted({*filter(None, pending)}))
    return f"{running} running, {len(pending)} pending" + (f" ({reasons})" if reasons else "")


def largest_array() -> int:
    """How many jobs an array may have."""
    found = re.search(r"^MaxArraySize\s*=\s*(\d+)", asked("scontrol", "show", "config") or "", re.MULTILINE)
    return int(found[1]) - 1 if found else 1000


def asked(*command: str) -> str | None:
    """Output of a command of Slurm; None if it fails or is slow: the controller is busy or down."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    except (OSError, subprocess.SubprocessError):
        return None
