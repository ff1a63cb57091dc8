"""Jobs that a launcher of Hydra's own carries out, such as `hydra/launcher=joblib`.

Where such a launcher calls a job, in whatever process, it is carried out at once. Every job has a file in a folder that the
processes share: it says which process does the job, and then its result. A launcher that gives up when one process dies leaves
the results of the others there.
"""

from __future__ import annotations

import json
import os
import platform
import secrets
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lengen.cli.study_jobs import Guarded, Jobs
from lengen.launcher.job import FAILED, JobResult, captured
from lengen.records.curve import write_text

GRACE = 10.0
"""Seconds in which a job that was handed over may still start, after its launcher has given up."""
FIELDS = ("code", "line", "output", "traceback", "value")
"""What is kept of a result."""


@dataclass(frozen=True)
class JobFiles:
    """The files of the jobs of a multirun.

    Args:
        folder: their folder, on a file system that all processes share.
    """

    folder: Path

    @classmethod
    def below(cls, folder: Path) -> JobFiles:
        """Files in a folder of their own."""
        return cls(folder / f"jobs-{secrets.token_hex(4)}")

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Keep the folder while the block runs."""
        self.folder.mkdir(parents=True)
        try:
            yield
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def write(self, number: int, facts: dict[str, Any]) -> None:
        """Write the file of a job."""
        write_text(self._path(number), json.dumps(facts))

    def read(self, number: int) -> dict[str, Any]:
        """Read the file of a job; empty if it has not started."""
        with suppress(OSError, ValueError):
            facts: dict[str, Any] = json.loads(self._path(number).read_text(encoding="utf-8"))
            return facts
        return {}

    def result(self, number: int, reason: str) -> JobResult:
        """Return the result of a job; a failure if it has left none.

        Args:
            number: of the job.
            reason: why its launcher gave up.
        """
        facts = self.read(number)
        if "code" in facts:
            return JobResult(**{name: facts[name] for name in FIELDS})
        if not facts:
            return JobResult(FAILED, f"was not started ({reason})")
        if facts["host"] != platform.node():
            return JobResult(FAILED, f"no result yet of process {facts['pid']} on {facts['host']} ({reason})")
        return JobResult(FAILED, "its process was killed (out of memory?); the same command goes on with it")

    def running(self, numbers: Iterable[int]) -> list[int]:
        """Return the processes of this machine that have started a job and not ended it."""
        import psutil

        found = []
        for facts in map(self.read, numbers):
            if "code" not in facts and facts.get("host") == platform.node():
                with suppress(psutil.Error):
                    if psutil.Process(facts["pid"]).status() != psutil.STATUS_ZOMBIE:
                        found.append(facts["pid"])
        return found

    def wait(self, numbers: Iterable[int]) -> None:
        """Wait for the jobs that run on this machine, after their launcher has given up."""
        numbers, deadline = [*numbers], time.monotonic() + GRACE
        while self.running(numbers) or (
            time.monotonic() < deadline and not all(self.read(number) for number in numbers)
        ):
            time.sleep(0.2)

    def stop(self, numbers: Iterable[int]) -> None:
        """Ask the jobs that run on this machine to write a checkpoint and end."""
        import psutil

        for process in self.running(numbers):
            with suppress(psutil.Error):
                psutil.Process(process).terminate()

    def _path(self, number: int) -> Path:
        return self.folder / f"{number}.json"


@dataclass(frozen=True)
class ForeignJob:
    """What a launcher of Hydra's calls for every job: carries it out.

    Args:
        jobs: what the jobs have in common.
        files: their files.
    """

    jobs: Jobs
    files: JobFiles

    def __call__(self, cfg: Any) -> JobResult:
        """Carry out a job; its errors, and signals, become its result."""
        from hydra.core.hydra_config import HydraConfig

        number = int(HydraConfig.get().job.num)
        self.files.write(number, {"pid": os.getpid(), "host": platform.node()})
        result = captured(Guarded(self.jobs, self.jobs.composed(cfg)))
        self.files.write(number, {name: getattr(result, name) for name in FIELDS})
        return replace(result, error=None)
