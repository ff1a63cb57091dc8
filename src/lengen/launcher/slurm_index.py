"""Which work the jobs in the queue of Slurm do: beside the files of an array lies the key of each of its jobs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from lengen.launcher.slurm_queue import State, asked
from lengen.records.curve import write_text

JOBS = "jobs.json"
"""Among the files of an array: the key of each of its jobs, by its number."""


def write_keys(folder: Path, keys: Mapping[str, str]) -> None:
    """Note the keys of the jobs of an array, by their numbers."""
    write_text(folder / JOBS, json.dumps(keys, indent=1) + "\n")


def read_keys(folder: Path) -> dict[str, str]:
    """The keys of the jobs of an array, by their numbers; empty where nothing of the kind can be read."""
    with suppress(OSError, ValueError):
        found = json.loads((folder / JOBS).read_text(encoding="utf-8"))
        if isinstance(found, dict):
            return {number: key for number, key in found.items() if isinstance(key, str)}
    return {}


def waiting_jobs() -> dict[str, str] | None:
    """The key of each of this user's jobs that Slurm has and that has not ended, with what Slurm says of it.

    Where the files of an array lie is known from Slurm, which has its script from there.

    Returns:
        None if there is no Slurm, or if it does not answer.
    """
    answer = asked("squeue", "--me", "--noheader", "--array", "--format=%i|%T|%r|%o")
    if answer is None:
        return None
    arrays, found = dict[Path, dict[str, str]](), dict[str, str]()
    for line in answer.splitlines():
        number, name, reason, script = [*line.split("|", 3), ""][:4]
        folder = Path(script).parent
        if folder not in arrays:
            arrays[folder] = read_keys(folder)
        if number in arrays[folder] and not State(name.partition(" ")[0]).ended:
            found[arrays[folder][number]] = f"job {number} of Slurm, {told(name, reason)}"
    return found


def told(name: str, reason: str) -> str:
    """Say how a job is there of which its run folder says nothing.

    >>> told("PENDING", "Resources"), told("RUNNING", "None")
    ('pending (Resources)', 'starting')
    """
    if name == "RUNNING":
        return "starting"
    return name.lower() + (f" ({reason})" if reason not in ("None", "") else "")
