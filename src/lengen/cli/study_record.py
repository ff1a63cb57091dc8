"""The study of a command: its file is written before the first run starts, and completed when all have ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

from lengen.cli.queued_runs import QueuedRuns
from lengen.cli.study_jobs import Configured, Keeper
from lengen.cli.study_words import Words
from lengen.config.errors import require
from lengen.config.seeds import SEEDS, runs_of, seeds_of, words_of
from lengen.config.words import parsed
from lengen.launcher.job import FAILED, QUEUED, REFUSED, JobResult
from lengen.records.earlier_runs import configuration_key
from lengen.records.run_dir import RunFolder
from lengen.studies.plan import Grid, PlannedRun, StudyPlan
from lengen.studies.plan_file import read_plan, results_name, study_path, update_plan
from lengen.studies.progress import Progress
from lengen.studies.words import default_name, of_study, option

LONGEST = 300
"""Most characters of a reason that is kept."""


Show = Callable[[Progress | None, Sequence[JobResult]], None]
"""Shows how far a study is, or where that is not known, the results of jobs."""


@dataclass
class StudyRecord(Keeper):
    """The file of a study while its command runs.

    Args:
        show: called at the end.
        path: the file, once it is known.
        keys: of the runs of the command's jobs so far, in order; empty for a job that could not be composed.
        new: whether this command has made the file.
        finished: whether all runs of the study had their curve at the end, or wait in a queue.
    """

    show: Show
    path: Path | None = None
    keys: list[str] = field(default_factory=list)
    new: bool = False
    finished: bool = False

    def refuse(self, reasons: Sequence[str]) -> None:
        """See `Keeper`. A run that is refused is noted before any starts.

        Args:
            reasons: of the last runs.
        """
        keys = self.keys[len(self.keys) - len(reasons) :]
        ended = {key: JobResult(REFUSED, why) for key, why in zip(keys, reasons, strict=True) if why}
        if ended and self.path is not None:
            update_plan(self.path, lambda plan: noted(plan or StudyPlan(""), ended))

    def end(self, results: Sequence[JobResult]) -> None:
        """Note which runs were refused, and under which keys others are recorded, and show how far the study is.

        A study of which every run was refused leaves no file.

        Args:
            results: of the jobs, in order.
        """
        progress = None
        if self.path is not None:
            ended = dict(zip(self.keys, results, strict=True))
            plan = update_plan(self.path, lambda plan: noted(plan or StudyPlan(""), ended))
            progress = Progress.of(self.path, plan, QueuedRuns())
            self.finished = progress.finished or any(result.code == QUEUED for result in results)
            refused = all(result.code == REFUSED for result in results)
            if self.new and refused and not any(each.folder for each in progress.states):
                self.path.unlink(missing_ok=True)
                with suppress(OSError):  # not empty
                    self.path.parent.rmdir()
                    self.path.parent.parent.rmdir()
                progress = None
        self.show(progress, results)


@dataclass
class NewRuns(StudyRecord):
    """The file of a multirun: made, or added to.

    Args:
        words: of the command.
        counts: number of runs of each job so far.
    """

    words: Words = field(kw_only=True)
    counts: list[int] = field(default_factory=list, kw_only=True)

    def begin(self, jobs: Sequence[Configured]) -> None:
        """See `Keeper`.

        Raises:
            UsageError: the runs have several folders, or the study has another one.
        """
        jobs = self._runs(jobs)
        places = sorted({str(config["results_dir"]) for _, config in jobs if config})
        several = f"results_dir={','.join(places)}: the runs of a study have one folder in common"
        require(len(places) <= 1, several)
        if places:
            self._add(places[0], jobs)

    def _runs(self, jobs: Sequence[Configured]) -> list[Configured]:
        """The runs of jobs, of which those with `seeds` have several."""
        found = list[Configured]()
        for words, config in jobs:
            seeds = seeds_of(config.get(SEEDS)) if config else None
            runs = [(words, config)] if seeds is None else [
                (words_of(words, run["seed"]), run) for run in runs_of(config)
            ]  # fmt: skip
            self.counts.append(len(runs))
            found += runs
        return found

    def refuse(self, reasons: Sequence[str]) -> None:
        """See `Keeper`."""
        counts = self.counts[len(self.counts) - len(reasons) :]
        super().refuse([why for why, count in zip(reasons, counts, strict=True) for _ in range(count)])

    def end(self, results: Sequence[JobResult]) -> None:
        """See `StudyRecord`. What becomes of a job with several runs is in their folders."""
        each = [
            replace(result, value="") if count > 1 else result
            for result, count in zip(results, self.counts, strict=True)
            for _ in range(count)
        ]
        super().end(each if self.path is not None else results)

    def _add(self, results_dir: str, jobs: Sequence[Configured]) -> None:
        """Add runs whose folder is known."""
        given = [in_study(word) for word in self.words.overrides]
        own, results = of_study(given), results_name(results_dir)
        path = study_path(results_dir, self.words.study or default_name(own, results))
        grid = Grid.of(
            own, [Path(each).resolve().name for each in self.words.own], [job for job in jobs if job[1]]
        )
        there = len(read_plan(path).runs) if path.exists() else None

        def with_grid(plan: StudyPlan | None) -> StudyPlan:
            plan = plan or StudyPlan(results)
            require(
                plan.results == results,
                f"study={path.stem}: its runs are in {plan.results}, not in {results}; give this one another name",
            )
            return plan.with_grid(grid)

        plan = update_plan(path, with_grid)
        added = "" if there is None else f", {len(plan.runs) - there} of them new"
        if not self.keys:  # a search has many batches
            print(
                f"lengen: study {path.stem}: {len(plan.runs)} run{'s' * (len(plan.runs) != 1)}{added}",
                flush=True,
            )
        self.new = self.new or there is None
        self.path = path
        self.keys += keys_of(jobs)


@dataclass
class RunsLeft(StudyRecord):
    """The file of a study of which some runs are carried out again.

    Args:
        runs: these.
    """

    distinct: ClassVar[bool] = False
    runs: Sequence[PlannedRun] = field(kw_only=True)

    def begin(self, jobs: Sequence[Configured]) -> None:
        """See `Keeper`. The same words may mean another run by now."""
        self.keys = keys_of(jobs)
        now = {run.key: key for run, key in zip(self.runs, self.keys, strict=True) if key and key != run.key}

        def renewed(plan: StudyPlan | None) -> StudyPlan:
            plan = plan or StudyPlan("")
            changed = {
                place: replace(run, key=now[run.key], recorded="")
                for place, _, run in plan.placed()
                if run.key in now
            }
            return plan.with_runs(changed)

        if self.path is not None:
            update_plan(self.path, renewed)


def in_study(word: str) -> str:
    """Return a word of a command as its study has it: the runs are those of `seed`, however many are trained as one model."""
    if option(word) != SEEDS or (seeds := seeds_of(parsed(word).value())) is None:
        return word
    return f"seed={','.join(map(str, seeds))}"


def keys_of(jobs: Sequence[Configured]) -> list[str]:
    """The keys of jobs."""
    return [configuration_key(config) if config else "" for _, config in jobs]


def noted(plan: StudyPlan, ended: Mapping[str, JobResult]) -> StudyPlan:
    """Return a study with what its runs' results say of them.

    Args:
        plan: the study.
        ended: results by the key of the run.
    """
    changed = dict[int, PlannedRun]()
    for place, _, run in plan.placed():
        if (result := ended.get(run.key)) is not None:
            refused, failed = (
                result.line[:LONGEST] if result.code == code else "" for code in (REFUSED, FAILED)
            )
            recorded = recorded_key(result.value) if result.code == 0 and result.value else run.recorded
            recorded = recorded if recorded != run.key else ""
            changed[place] = replace(run, refused=refused, recorded=recorded, failed=failed)
    return plan.with_runs(changed)


def recorded_key(folder: str) -> str:
    """The key in the `run.json` of a finished run."""
    return str(RunFolder(Path(folder)).facts().get("record_key", ""))
