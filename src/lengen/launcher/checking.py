"""Jobs of a study that are impossible are found before any starts."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import nullcontext

from rich.progress import track

from lengen.launcher.job import REFUSED, Job, JobResult
from lengen.launcher.local import beside


def refused(checks: Mapping[int, Job], *, apart: bool) -> dict[int, JobResult]:
    """Return the results of those checks that refuse their job, by its place. A bug is left to the turn of its job.

    Args:
        checks: what checks each job, by its place. One with the key of another that refused nothing is not carried out.
        apart: whether they are carried out in a process beside this one, which may die of them.
    """
    found, able = dict[int, JobResult](), set[str]()
    bar = track([*checks], "checking jobs", transient=True, disable=not sys.stdout.isatty())
    with beside() if apart else nullcontext(done_here) as carried_out:
        for place in bar:
            if checks[place].key in able:
                continue
            result = carried_out(checks[place])
            if result.code == REFUSED:
                found[place] = result
            else:
                able.add(checks[place].key)
    return found


def done_here(job: Job) -> JobResult:
    """Do a job in this process."""
    return job.work()
