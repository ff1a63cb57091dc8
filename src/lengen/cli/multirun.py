"""A multirun: Hydra's sweeper asks for jobs, batch by batch, and a launcher carries them out.

Every sweeper of Hydra gets its launcher from `Plugins.instantiate_launcher`. Here it gets one that stands in between: with
Hydra's basic launcher, the jobs are composed and carried out by the launcher of the command (`launcher=local`); any other
launcher of Hydra's carries them out itself. Either way no job raises an error through Hydra, and the sweeper gets a number.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from hydra._internal.core_plugins.basic_launcher import BasicLauncher
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus, filter_overrides
from hydra.plugins.launcher import Launcher as HydraLauncher
from omegaconf import OmegaConf

from lengen.cli.foreign_jobs import ForeignJob, JobFiles
from lengen.cli.queued_runs import job_key
from lengen.cli.study_jobs import Composed, Configured, Guarded, Jobs, Keeper
from lengen.cli.sweep_folder import none_left_empty
from lengen.config.compose import plain_values
from lengen.config.errors import UsageError
from lengen.config.objectives import require_objective
from lengen.config.pattern_words import as_written
from lengen.config.search import named_modules
from lengen.config.seeds import runs_of, without_seeds
from lengen.config.words import parsed
from lengen.launcher import Launcher
from lengen.launcher.job import ELSEWHERE, FAILED, QUEUED, REFUSED, Job, JobResult, named
from lengen.launcher.shared import let_go, run_shared
from lengen.records.earlier_runs import finished_already
from lengen.statistics.formats import counted

DRY = re.compile(r"dry=.*")
"""The word that says how jobs are carried out, and is no part of their names."""


@runtime_checkable
class Search(Protocol):
    """What a search is told of its trials."""

    def value(self, result: JobResult) -> float:
        """The number of a trial."""

    def best(self, jobs: Jobs, overrides: Sequence[list[str]], results: Sequence[JobResult]) -> list[str]:
        """Lines about the best trial."""


class LauncherFault(Exception):  # noqa: N818  # its cause is the error
    """A launcher has raised an error that is no mistake of the user; Hydra's errors are told apart from it."""


@dataclass
class Multirun:
    """The jobs of a multirun.

    Args:
        jobs: what they have in common.
        launcher_of: makes the launcher of the command, for a configuration and the allowed modules; None runs the jobs here, one
            after another.
        make_keeper: makes what is told of the jobs before they start, and of their results.
        search_of: makes what a search is told of its trials, for the configuration of the first, the options of the sweeper and the
            words of the command; None tells it nothing.
        headed: how many of the jobs that are carried out here have their name above what they print; None is all. One that is
            refused has it always.
        done: what became of the jobs that neither failed nor wait in a queue, in a word.
        launcher_named: the same as `launcher_of` where jobs are only described here, which are refused a launcher that could not be made.
        overrides: of each job so far, in order.
        results: of these.
        search: what a search is told; None in a study.
        said: whether it was said of those that are refused why.
        named: the launcher of `launcher_named`; None until jobs are composed, and where they come batch by batch, as in a search.
    """

    jobs: Jobs
    launcher_of: Callable[[dict[str, Any], set[str]], Launcher] | None
    make_keeper: Callable[[], Keeper] | None = None
    search_of: Callable[[Mapping[str, Any], Any, Sequence[str]], Search] | None = None
    headed: int | None = None
    done: str = "finished"
    launcher_named: Callable[[dict[str, Any], set[str]], Launcher] | None = None
    search: Search | None = None
    overrides: list[list[str]] = field(default_factory=list)
    results: list[JobResult] = field(default_factory=list)
    said: bool = False
    named: Launcher | None = None

    @cached_property
    def keeper(self) -> Keeper | None:
        """What is told of the jobs."""
        return self.make_keeper() if self.make_keeper else None

    @contextmanager
    def launching(self) -> Iterator[None]:
        """Stand between Hydra's sweepers and launchers while the block runs."""
        original, folders = Plugins.instantiate_launcher, ExitStack()

        def instantiate(plugins: Plugins, hydra_context: Any, task_function: Any, config: Any) -> Any:  # noqa: ARG001
            def make(task: Callable[[Any], Any]) -> HydraLauncher:
                return original(plugins, hydra_context, task, config)

            folders.enter_context(none_left_empty(config))
            return StudyLauncher(self, make, config, hydra_context)

        Plugins.instantiate_launcher = instantiate  # type: ignore[method-assign,assignment]
        try:
            with folders:
                yield
        finally:
            Plugins.instantiate_launcher = original  # type: ignore[method-assign]

    def labels(self, batch: Sequence[Sequence[str]]) -> list[str]:
        """Name the jobs of the last batch by the overrides that not all jobs share; those of a search by their numbers, too."""
        shared = set.intersection(*map(set, self.overrides)) if len(self.overrides) > 1 else set()
        names = [
            as_written(" ".join(word for word in words if word not in shared and not DRY.fullmatch(word)))
            or "run"
            for words in batch
        ]
        first = len(self.overrides) - len(batch) + 1
        return (
            [f"trial {first + index}: {name}" for index, name in enumerate(names)] if self.search else names
        )

    def show(self, label: str, result: JobResult) -> None:
        """Print the result of a job that a launcher of Hydra's has carried out."""
        print(
            f"lengen: {'failed: ' if result.bad else ''}{label}: {result.line}".removesuffix(": "),
            flush=True,
        )
        if self.launcher_of is None:  # what it prints is its result
            print(result.output, end="", flush=True)
        if result.traceback:
            print(result.output + result.traceback, file=sys.stderr)

    def summed_up(self) -> int:
        """Say how many jobs are done, and which failed for what reason; return the exit code, that of a mistake if all were refused."""
        jobs = [*zip(self.overrides, self.results, strict=True)]
        failed = [(words, result) for words, result in jobs if result.bad]
        queued = sum(result.code == QUEUED for result in self.results)
        done = f"{len(jobs) - len(failed) - queued} of {len(jobs)} job{'s' * (len(jobs) != 1)} {self.done}"
        print(f"\nlengen: {done}{f', {queued} in a queue' if queued else ''}")
        for words, result in failed:
            refused = result.code == REFUSED and self.said
            became, why = ("refused", "see above") if refused else ("failed", result.line)
            print(f"  {became}: {' '.join(words)}: {why}", file=sys.stderr)
        if self.search:
            print(*self.search.best(self.jobs, self.overrides, self.results), sep="\n")
        mistake = self.said and all(result.code == REFUSED for result in self.results)
        return REFUSED if mistake else FAILED if failed else 0

    def prepare(self, config: Any, count: int) -> None:
        """Let the launcher of the command start what takes long; what is wrong with it is said when jobs are carried out.

        Args:
            config: of the multirun, as Hydra composed it.
            count: how many jobs there will be.
        """
        if self.launcher_of is None:
            return
        with suppress(UsageError):
            known = plain_values(OmegaConf.masked_copy(config, ["jobs", "launcher"]))
            self.launcher_of(known, {"lengen", *named_modules(self.jobs.folders)}).prepare(count)

    def ready(self, composed: Sequence[Composed]) -> Launcher | None:
        """Return the launcher of the command, before anything is written; None if it has none, or if every job is refused.

        Raises:
            UsageError: it cannot be built, or needs what is not here, or something else that is said of studies is wrong.
        """
        able = next((each for each in composed if not each.refused), None)
        if able is not None and self.launcher_named is not None:
            made = self.launcher_named(able.config, {"lengen", *able.own_modules})
            self.named = None if self.results else made
        if self.launcher_of is None or able is None:
            return None
        require_objective(able.config["objective"])
        launcher = self.launcher_of(able.config, {"lengen", *able.own_modules})
        launcher.ready()
        return launcher

    def checked(self, composed: Sequence[Composed], launcher: Launcher | None) -> list[Composed]:
        """Return composed jobs, of which those that could not be carried out are refused.

        A job that differs from one that could be in its seeds alone is not looked at, nor one that is over. A bug is left to the
        turn of its job.

        Args:
            composed: the jobs.
            launcher: of the command; None if another one carries them out.
        """
        places = [at for at, job in enumerate(composed) if not job.refused and not is_over(job.config)]
        if self.jobs.check is None or not places:
            return [*composed]
        from lengen.launcher.checking import refused

        here = launcher is not None and launcher.here
        checks = {
            at: Job("", self.jobs.check_of(composed[at], here=here), key=cell_key(composed[at].config))
            for at in places
        }
        found = refused(checks, apart=launcher is None or launcher.apart(len(composed)))
        return [
            replace(job, refused=found[at].line) if at in found else job for at, job in enumerate(composed)
        ]

    def carry_out(
        self, composed: Sequence[Composed], labels: Sequence[str], launcher: Launcher | None
    ) -> list[JobResult]:
        """Carry out composed jobs.

        Args:
            composed: the jobs.
            labels: their names.
            launcher: of the command, as `ready` returns it.

        Raises:
            LauncherFault: the launcher has raised an error.
        """
        if self.launcher_of is None:
            numbers = range(len(self.results) + 1, len(self.results) + len(composed) + 1)
            return [*map(self._here, composed, labels, numbers)]
        return self._launch(launcher, composed, labels)

    def _here(self, composed: Composed, label: str, number: int) -> JobResult:
        """Carry out a job in this process; what it prints is seen."""
        head, shown = f"\nlengen: job {number}: {label}", self.headed is None or number <= self.headed
        if shown:
            print(head, flush=True)
        result = JobResult(REFUSED, composed.refused) if composed.refused else Guarded(self.jobs, composed)()
        if composed.refused or result.error:
            if not shown:
                print(head, flush=True)
            print(f"lengen: {result.line}", *filter(None, [result.traceback]), sep="\n", file=sys.stderr)
        self.said = self.said or result.code == REFUSED
        return result

    def _launch(
        self, launcher: Launcher | None, composed: Sequence[Composed], labels: Sequence[str]
    ) -> list[JobResult]:
        """Carry out composed jobs by the launcher of the command."""
        results = {
            index: JobResult(REFUSED, each.refused) for index, each in enumerate(composed) if each.refused
        }
        if launcher is None:
            return [*results.values()]
        if not launcher.here:
            over = [index for index, each in enumerate(composed) if not each.refused and is_over(each.config)]
            results |= {index: Guarded(self.jobs, composed[index])() for index in over}
            if over:
                print(f"lengen: over already: {len(over)} of {counted(len(composed), 'run')}", flush=True)
        places = [index for index in range(len(composed)) if index not in results]
        jobs = [self._launched(composed[index], labels[index]) for index in places]
        try:
            results |= {places[place]: result for place, result in run_shared(launcher, jobs)}
        except UsageError:
            raise
        except Exception as error:
            raise LauncherFault from error
        return [results[index] for index in range(len(composed))]

    def _launched(self, composed: Composed, label: str) -> Job:
        """A job for a launcher."""
        threads, devices = processes(composed.config)
        return Job(label, Guarded(self.jobs, composed), threads, job_key(composed.config), devices)


def processes(config: Mapping[str, Any]) -> tuple[int, int]:
    """Threads of each process of a run, and how many processes it has; the job refuses what is no number."""
    threads, devices = (
        count if isinstance(count := config["trainer"][name], int) and count > 0 else 1
        for name in ("threads", "devices")
    )
    return threads, devices


def cell_key(config: Mapping[str, Any]) -> str:
    """The same text for configurations that differ in their seeds alone, unless these are no seeds."""
    return json.dumps(without_seeds(config), default=str)


def is_over(config: Mapping[str, Any]) -> bool:
    """Whether a run is over, as far as is known without torch; a job that only says so need not wait in a queue."""
    try:
        return all(finished_already(run) is not None for run in runs_of(config))
    except (UsageError, LookupError, TypeError):  # the job says what is wrong
        return False


class StudyLauncher(HydraLauncher):
    """What a sweeper of Hydra's takes for its launcher.

    Args:
        multirun: its jobs.
        make: makes the launcher of Hydra's that was chosen, for a function that is called with the configuration of each job.
        config: of the multirun.
        context: composes the configurations of its jobs.
    """

    def __init__(
        self,
        multirun: Multirun,
        make: Callable[[Callable[[Any], Any]], HydraLauncher],
        config: Any,
        context: Any,
    ) -> None:
        self.multirun, self.config, self.handed_over = multirun, config, 0
        self.seen = Counter[str]()
        self.folder = Path(str(config.hydra.sweep.dir))
        self.files: JobFiles | None = None
        logging.getLogger("optuna").setLevel(logging.WARNING)
        if config.hydra.runtime.choices["hydra/launcher"] == "basic":
            self.composer = make(multirun.jobs.composed)
        else:
            self.composer = BasicLauncher()
            self.composer.setup(hydra_context=context, task_function=multirun.jobs.composed, config=config)
            if (
                multirun.launcher_named is not None
            ):  # described here, and carried out by no launcher of the command
                multirun.launcher_named = None
                return
            self.files = JobFiles.below(self.folder)
            self.launcher = make(ForeignJob(multirun.jobs, self.files))

    def setup(self, *, hydra_context: Any, task_function: Any, config: Any) -> None:
        """See `Launcher`."""

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Carry out a batch of jobs and return what the sweeper wants of each."""
        overrides = [list(filter_overrides(each)) for each in job_overrides]
        if self.files is None:
            self.multirun.prepare(self.config, len(overrides))
        composed = [each.return_value for each in self.composer.launch(job_overrides, initial_job_idx)]
        kept = self._distinct(overrides, composed)
        overrides, composed = [overrides[place] for place in kept], [composed[place] for place in kept]
        job_overrides = [job_overrides[place] for place in kept]
        launcher = self.multirun.ready(composed) if self.files is None else None
        composed = self.multirun.checked(composed, launcher)
        self._begin([(words, each.config) for words, each in zip(overrides, composed, strict=True)])
        labels = self.multirun.labels(overrides)
        self._refuse(labels, composed)
        if self.files is None:
            results = self.multirun.carry_out(composed, labels, launcher)
        else:
            results = self._handed_over(self.files, labels, composed, job_overrides)
        self.multirun.results += results
        self.folder.mkdir(parents=True, exist_ok=True)  # a sweeper may write there at its end
        values = map(self.multirun.search.value, results) if self.multirun.search else [0.0] * len(results)
        return [
            JobReturn(words, status=JobStatus.COMPLETED, _return_value=value)
            for words, value in zip(overrides, values, strict=True)
        ]

    def _distinct(self, overrides: Sequence[Sequence[str]], composed: Sequence[Composed]) -> list[int]:
        """Places of the jobs whose configuration is that of none before them; of the others it is said that they are one with it.

        A search is told a number for each of its trials, and the runs that are left of a study are given one by one: all are kept.
        """
        keeper, searching = (
            self.multirun.keeper,
            self.config.hydra.runtime.choices["hydra/sweeper"] != "basic",
        )
        if searching or (keeper is not None and not keeper.distinct):
            return [*range(len(composed))]
        from lengen.studies.words import option

        given = self.config.hydra.overrides.task
        fixed = {option(word) for word in given if not parsed(word).is_sweep_override()}
        kept, again = list[int](), Counter[str]()
        for place, (words, job) in enumerate(zip(overrides, composed, strict=True)):
            key = json.dumps(job.config, sort_keys=True, default=str)
            if job.config and self.seen[key]:
                again[as_written(" ".join(word for word in words if option(word) not in fixed))] += 1
            else:
                kept.append(place)
            self.seen[key] += 1
        for label, count in again.items():
            times = "twice" if count == 1 else f"{count + 1} times"
            print(f"lengen: the same run {times}: {label}: carried out once", flush=True)
        return kept

    def _begin(self, jobs: Sequence[Configured]) -> None:
        """Check a search before its first trial, and tell the keeper of the jobs.

        Raises:
            UsageError: they are refused.
        """
        multirun, configs = self.multirun, [config for _, config in jobs if config]
        searching = self.config.hydra.runtime.choices["hydra/sweeper"] != "basic"
        if searching and multirun.search_of and multirun.search is None and configs:
            words = [*self.config.hydra.overrides.task]
            multirun.search = multirun.search_of(configs[0], self.config.hydra.sweeper, words)
        if multirun.keeper is not None:
            multirun.keeper.begin(jobs)
        multirun.overrides += [[*words] for words, _ in jobs]

    def _refuse(self, labels: Sequence[str], composed: Sequence[Composed]) -> None:
        """Say which jobs are refused before any starts, and tell the keeper; where they have no launcher, each says so at its turn."""
        multirun, reasons = self.multirun, [each.refused for each in composed]
        if not any(reasons) or (self.files is None and multirun.launcher_of is None):
            return
        for label, why in zip(labels, reasons, strict=True):
            if why:
                print(f"lengen: refused: {label}: {why}", file=sys.stderr, flush=True)
        multirun.said = True
        if multirun.keeper is not None:
            multirun.keeper.refuse(reasons)

    def _handed_over(
        self,
        files: JobFiles,
        labels: Sequence[str],
        composed: Sequence[Composed],
        job_overrides: Sequence[Sequence[str]],
    ) -> list[JobResult]:
        """Let a launcher of Hydra's carry out the jobs that are not refused, and show their results."""
        results = {
            place: JobResult(REFUSED, job.refused) for place, job in enumerate(composed) if job.refused
        }
        places = [place for place in range(len(composed)) if place not in results]
        if places:
            with files.kept():
                ended = self._foreign(files, [job_overrides[place] for place in places])
            for place, result in zip(places, ended, strict=True):
                self.multirun.show(labels[place], result)
                results[place] = result
        return [results[place] for place in range(len(composed))]

    def _foreign(self, files: JobFiles, job_overrides: Sequence[Sequence[str]]) -> list[JobResult]:
        """Let a launcher of Hydra's carry out a batch of jobs; what it has not started when it gives up is handed over again."""
        results, left = dict[int, JobResult](), [*range(len(job_overrides))]
        while left:
            numbers = [self.handed_over + place for place in range(len(left))]
            self.handed_over += len(left)
            try:
                returns = self.launcher.launch([job_overrides[index] for index in left], numbers[0])
                ended = {index: each.return_value for index, each in zip(left, returns, strict=True)}
            except KeyboardInterrupt:
                files.stop(numbers)
                raise
            except Exception as error:  # noqa: BLE001  # of the launcher, such as for a process that was killed
                files.wait(numbers)
                handed = [*zip(left, numbers, strict=True)]
                started = [(index, number) for index, number in handed if files.read(number)]
                if not started and not results:
                    return [JobResult(REFUSED, f"was not started ({named(error)})")] * len(left)
                ended = {index: files.result(number, named(error)) for index, number in started or handed}
            elsewhere = {index: Path(each.value) for index, each in ended.items() if each.code == ELSEWHERE}
            let_go(elsewhere)
            results |= {index: each for index, each in ended.items() if index not in elsewhere}
            left = [index for index in left if index not in results]
        return [results[index] for index in range(len(job_overrides))]
