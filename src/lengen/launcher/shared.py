"""Jobs at which other processes may be, too: each is done once, here or there. Imports no torch."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from lengen.launcher import Launcher
from lengen.launcher.job import ELSEWHERE, Job, JobResult
from lengen.records.claim import holder

PAUSE = 2.0
"""Seconds between two looks at the claims of others."""


def run_shared(launcher: Launcher, jobs: Sequence[Job]) -> Iterator[tuple[int, JobResult]]:
    """Run jobs; those that other processes have are passed over, and run again at the end, once these let go of them.

    Such a job then finds what the other process has finished, or goes on with what it has left.

    Yields:
        The index and the result of each job, none of them `ELSEWHERE`.

    Raises:
        Interrupted: a signal.
    """
    elsewhere: dict[int, Path] = {}
    ready = [*range(len(jobs))]
    while ready:
        for place, result in launcher.run([jobs[index] for index in ready]):
            if result.code == ELSEWHERE:
                elsewhere[ready[place]] = Path(result.value)
            else:
                yield ready[place], result
        ready = let_go(elsewhere)
        for index in ready:
            del elsewhere[index]


def let_go(folders: Mapping[int, Path]) -> list[int]:
    """Wait until other processes let go of some of the folders that they have; which ones."""
    said = False
    while folders:
        holders = {index: holder(folder) for index, folder in folders.items()}
        if free := [index for index, process in holders.items() if not process]:
            return free
        if not said:
            print(  # noqa: T201
                f"lengen: waiting for {len(folders)} run{'s' * (len(folders) > 1)} of {', '.join(sorted({*holders.values()}))}",
                flush=True,
            )
            said = True
        time.sleep(PAUSE)
    return []
