"""Launchers: where the jobs of a study run, and how many at a time.

| module | content |
|---|---|
| `job` | a job and its result, planned or carried out; how a process carries one out |
| `local` | the cores and the GPUs of this machine |
| `ray` | a Ray cluster |
| `slurm` | a Slurm cluster; `slurm_job` runs in it, `slurm_queue` asks it, `slurm_results` waits for it; `slurm_index` says which work its jobs do |
| `display` | a line for every running job |
| `shared` | jobs at which other processes may be, too |

A launcher yields every job's result, in whatever order jobs end. What a run has written is in its folder: a result is only
what is shown, and a job that leaves none is a failed one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from lengen.launcher.job import Job, JobResult, Planned


class Launcher:
    """Base class of launchers.

    `here` is whether the jobs run in this process or beside it, where a single run is carried out, too.
    """

    here: ClassVar[bool] = False

    def ready(self) -> None:
        """Refuse what this machine lacks, before anything is written.

        Raises:
            UsageError: a program or a package is missing.
        """

    def apart(self, count: int) -> bool:
        """Whether each of `count` jobs has a process of its own."""
        return True

    def describe(self, planned: Sequence[Planned]) -> list[str]:
        """Say what would become of jobs, in a line or a few; a dry run shows it. Nothing is written or started.

        Args:
            planned: the jobs, without those that are over; at least one.

        Raises:
            UsageError: they would be refused.
        """
        return []

    def prepare(self, count: int) -> None:
        """Start what takes long, while the jobs are still being composed.

        Args:
            count: how many jobs there will be.
        """

    def run(self, jobs: Sequence[Job]) -> Iterator[tuple[int, JobResult]]:
        """Run jobs; yield the index and the result of each as it ends.

        Raises:
            Interrupted: a signal; jobs that were running have written a checkpoint.
        """
        raise NotImplementedError
