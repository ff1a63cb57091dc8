"""The jobs of a multirun: each composed configuration is carried out by a launcher, in a process of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from lengen.config.compose import OF_STUDIES, plain_values
from lengen.config.errors import UsageError, is_usage_error
from lengen.config.explain import explain
from lengen.config.search import named_modules
from lengen.launcher.job import JobResult
from lengen.records.command import of_job


@dataclass(frozen=True)
class Composed:
    """A job of a multirun, composed and not yet carried out.

    Args:
        config: its configuration, resolved; empty if it could not be composed.
        own_modules: top-level modules of the user's classes.
        refused: why it could not be composed, or cannot be carried out; empty if it can.
        words: its overrides, without those that say how the jobs are carried out.
    """

    config: dict[str, Any]
    own_modules: frozenset[str] = frozenset()
    refused: str = ""
    words: tuple[str, ...] = ()


Configured = tuple[Sequence[str], Mapping[str, Any]]
"""A job: its overrides, and its resolved configuration, which is empty if it could not be composed."""


class Keeper:
    """Base class of what is told of a multirun as a whole, such as to keep the file of its study."""

    distinct: ClassVar[bool] = True
    """Whether jobs with the same configuration are one job."""

    def begin(self, jobs: Sequence[Configured]) -> None:
        """Called with each batch of jobs before they start, if they are composed here.

        Raises:
            UsageError: they are refused.
        """
        raise NotImplementedError

    def refuse(self, reasons: Sequence[str]) -> None:
        """Called after `begin` with why each job of the batch is refused; empty for one that is not."""

    def end(self, results: Sequence[JobResult]) -> None:
        """Called with the results of all jobs, in order."""
        raise NotImplementedError


@dataclass(frozen=True)
class Jobs:
    """How the jobs of a multirun are made from what Hydra composes; small, since it is passed to other processes.

    Args:
        work: called with the configuration and the allowed modules.
        command: name of the command, for messages.
        arguments: the command line, for messages.
        folders: the user's configuration folders.
        check: called with the same and `here`, whether this machine carries out the job; refuses it before any job starts. None
            refuses none.
    """

    work: Callable[[dict[str, Any], set[str]], JobResult]
    command: str
    arguments: list[str]
    folders: list[Path]
    check: Callable[..., JobResult] | None = None

    def composed(self, cfg: Any) -> Composed:
        """Resolve what Hydra has composed for a job."""
        try:
            return Composed(plain_values(cfg), frozenset(named_modules(self.folders)), words=job_words())
        except UsageError as error:
            return Composed({}, refused=explain(error, self.command, self.arguments, self.folders))

    def check_of(self, job: Composed, *, here: bool) -> Guarded:
        """What refuses a job.

        Args:
            job: the job.
            here: whether this machine carries it out.
        """
        assert self.check is not None
        return Guarded(replace(self, work=partial(self.check, here=here)), job)

    def command_of(self, job: Composed) -> list[str]:
        """The command line that carries out a job alone."""
        return ["lengen", self.command, *(f"--config-dir={folder}" for folder in self.folders), *job.words]


@dataclass(frozen=True)
class Guarded:
    """A command's function on one configuration; its errors become a result.

    Args:
        jobs: what the jobs have in common.
        job: the configuration.
    """

    jobs: Jobs
    job: Composed

    def __call__(self) -> JobResult:
        """Carry out the job."""
        own = set(self.job.own_modules)
        try:
            with of_job(self.jobs.command_of(self.job)):
                return self.jobs.work(self.job.config, {"lengen", *own})
        except Exception as error:  # noqa: BLE001  # shown by the command
            usage = is_usage_error(error, own)
            mistake = (
                explain(error, self.jobs.command, self.jobs.arguments, self.jobs.folders) if usage else None
            )
            return JobResult.failed(error, mistake=mistake)


def job_words() -> tuple[str, ...]:
    """The overrides of the job that Hydra composes, without those that say how the jobs of a study are carried out."""
    from hydra.core.hydra_config import HydraConfig

    from lengen.studies.words import option, within

    words = HydraConfig.get().overrides.task if HydraConfig.initialized() else ()
    return tuple(word for word in words if not within(option(word), (*OF_STUDIES, "force", "hydra")))
