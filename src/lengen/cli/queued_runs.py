"""The runs that wait in the queue of a cluster: what the key of a job says, and the jobs that are there. Imports no torch."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from lengen.config.errors import UsageError
from lengen.config.seeds import runs_of
from lengen.records.earlier_runs import configuration_key

KEY = re.compile(r"(?P<runs>([0-9a-f]{16} )+)(?P<folder>.+?)( again)?", re.DOTALL)
"""The key of a job."""


def job_key(config: Mapping[str, Any]) -> str:
    """The same for the same work, however it is launched: its runs, their folder, and whether they are repeated."""
    try:
        runs = runs_of(config)
    except UsageError:  # the job says what is wrong
        runs = [dict(config)]
    keys, folder = map(configuration_key, runs), Path(str(config["results_dir"])).absolute()
    return f"{' '.join(keys)} {folder}{' again' if config.get('force') else ''}"


class QueuedRuns:
    """The runs that wait in the queue of Slurm. It is asked once, and only if some run is neither over nor running."""

    @cached_property
    def _jobs(self) -> Mapping[str, str]:
        from lengen.launcher.slurm_index import waiting_jobs

        return waiting_jobs() or {}

    def __call__(self, results: Path) -> dict[str, str]:
        """Say how runs wait, by the keys of their configurations.

        Args:
            results: the folder above all runs.
        """
        there, found = os.path.realpath(results), dict[str, str]()
        for key, text in self._jobs.items():
            job = KEY.fullmatch(key)
            if job is not None and os.path.realpath(job["folder"]) == there:
                found |= dict.fromkeys(job["runs"].split(), text)
        return found
