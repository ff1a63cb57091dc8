"""Train at short lengths, evaluate at longer ones: one run, or with -m a study."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from lengen.cli.arguments import OVERRIDE, refuse, verbose
from lengen.cli.collector import paused
from lengen.cli.hydra_app import HydraApp, launcher_of
from lengen.config.compose import TRAIN
from lengen.config.errors import UsageError
from lengen.config.identity import ORIGIN
from lengen.config.seeds import SEEDS, check_seed_words, runs_of, words_of
from lengen.launcher.job import FAILED, JobResult, Planned
from lengen.logger import LOCAL
from lengen.records.claim import ClaimedError
from lengen.records.command import words
from lengen.records.earlier_runs import finished_already
from lengen.records.run_dir import RunFolder
from lengen.statistics.formats import id_score
from lengen.studies.places import RESULTS

if TYPE_CHECKING:
    from lengen.cli.study_jobs import Keeper
    from lengen.cli.study_words import Words
    from lengen.experiment.dry_run import Needs
    from lengen.experiment.run import Outcome
    from lengen.records.curve import Curve
    from lengen.studies.progress import Progress

BLOCKS = 3
"""Runs of a dry run of many that are described."""
DRY = re.compile("dry=(true|yes|on)", re.IGNORECASE)
OF_STUDY = re.compile("-m|--multirun|study=.*")
"""Words of the command line by which it is one of a study."""


def main(arguments: list[str]) -> int:
    """Run the command."""
    full, arguments = verbose(arguments)
    try:
        check_seed_words([word for word in arguments if OVERRIDE.match(word)])
    except UsageError as error:
        return refuse(str(error))
    if not any(OF_STUDY.fullmatch(word) for word in arguments):
        return train_all(arguments, full=full)
    from lengen.cli.study_words import Words

    try:
        return train_study(Words.of(arguments), full=full)
    except UsageError as error:
        return refuse(str(error))


def train_all(arguments: list[str], *, full: bool) -> int:
    """Train what the words say, or with `dry=true` say what that would need."""
    if not any(DRY.fullmatch(word) for word in arguments):
        return train_app(arguments, full=full).enter()
    jobs: list[list[Needs]] = []
    waiting: list[Planned] = []
    most = None if full else BLOCKS
    with TemporaryDirectory() as folder:  # Hydra writes a file in a multirun
        work, setting = partial(dry_run, jobs=jobs, waiting=waiting, most=most), f"hydra.sweep.dir={folder}"
        done = "checked, and none trained"
        app = HydraApp(TRAIN, work, arguments, settings=(setting,), headed=most, done=done, planned=True)
        code = app.enter()
    if most is not None and len(jobs) > most:
        print(f"lengen: dry run: the first {most} are described (lengen train -v describes all)")
    try:
        described = app.launcher.describe(waiting) if app.launcher and waiting else []
    except UsageError as error:
        return refuse(str(error))
    for line in described:
        print(f"lengen: dry run: {line}")
    if len(needs := [each for job in jobs for each in job]) > 1:
        from lengen.experiment.dry_run import total

        print(f"lengen: dry run: {total(needs)}")
    return code


def train_app(arguments: list[str], *, full: bool = False) -> HydraApp:
    """The command: one run, or with -m, or where an experiment says so, those of a study, whose file is kept."""

    def keeper() -> Keeper:
        from lengen.cli.study_record import NewRuns
        from lengen.cli.study_words import Words

        return NewRuns(partial(show_study, full=full), words=Words.of(arguments))

    work = partial(train, full=full)
    return HydraApp(
        TRAIN, work, arguments, job=train_job, check=check_job, keeper=keeper, search_of=search_of
    )


def train_study(words: Words, *, full: bool) -> int:
    """Train the runs of a study: those of a grid, with -m; what is left of those that it has, without.

    Raises:
        UsageError: there is no such study, or a word would change the runs that it has.
    """
    if {"-m", "--multirun"}.intersection(words.flags):
        return train_all(words.completed().arguments, full=full)
    if words.others or not words.study:  # as --help
        return train_all(words.arguments, full=full)
    from lengen.cli.study_again import Left
    from lengen.cli.study_record import RunsLeft

    left = Left.of(words)
    if not left.runs:
        show_study(left.progress, [], full=full)
        return 0 if left.progress.finished else FAILED
    print(f"lengen: study {left.progress.summary()}", flush=True)
    record = RunsLeft(partial(show_study, full=full), left.path, runs=[run for _, run in left.runs])
    with left.given():
        arguments = left.multirun(words).arguments
        app = HydraApp(TRAIN, train, arguments, job=train_job, check=check_job, keeper=lambda: record)
        code = app.enter()
    return code or (0 if record.finished else FAILED)


def dry_run(
    config: dict[str, Any],
    allowed: set[str],
    *,
    jobs: list[list[Needs]],
    waiting: list[Planned],
    most: int | None = None,
) -> int:
    """Say what one job would do and need, unless enough are described, and add it to what others need.

    Args:
        config: of the job.
        allowed: top-level modules.
        jobs: what the runs of every job need, to which those of this one are added.
        waiting: the jobs for a launcher, to which this one is added unless it is over.
        most: how many are described; None is all.
    """
    from lengen.cli.multirun import processes
    from lengen.cli.queued_runs import job_key
    from lengen.config.builder import Builder
    from lengen.experiment.dry_run import planned

    config = {**config, "dry": False}  # as the command would be without the word
    runs = planned(config, Builder(allowed), here=launcher_of(config, allowed).here)
    jobs.append([run.needs for run in runs])
    left = [run for run, each in zip(runs, runs_of(config), strict=True) if not finished_already(each)]
    if left:
        seconds = sum(run.seconds for run in left)
        waiting.append(Planned(*processes(config), job_key(config), len(left), seconds))
    if most is not None and len(jobs) > most:
        return 0
    lines = runs[0].lines()
    if len(runs) > 1:
        lines.append(
            (
                SEEDS,
                f"{len(runs)} such runs as one model, of seeds {', '.join(str(run.config.seed) for run in runs)}",
            )
        )
    print("lengen: dry run; nothing is written")
    for name, text in lines:
        print(f"  {name:<10}  {text}")
    return 0


def train(config: dict[str, Any], allowed: set[str], *, full: bool = False) -> int:
    """Train and evaluate one run, and print its curve; `full` prints all that is known of it.

    With `seeds`, several runs as one model; then each has a line, and all of them a table.
    """
    if config.get(SEEDS) is not None:
        results = train_seeds(config, allowed)
        for seed, result in results.items():
            print(f"lengen: {'failed: ' if result.bad else ''}seed={seed}: {result.line}", flush=True)
        show_study(None, [*results.values()], full=full)
        return FAILED if any(result.bad for result in results.values()) else 0
    from lengen.report.several import of_each

    folder, earlier, stress_sets = run(config, allowed)
    if stress_sets:
        print(*of_each(stress_sets, folder.path), sep="\n")
    if earlier and config["logger"]["_target_"] != LOCAL:
        print(
            f"lengen: {logged_again(config, allowed)}; the run was finished before; force=true trains it anew"
        )
    return print_results(folder, earlier=earlier, full=full)


def logged_again(config: dict[str, Any], allowed: set[str]) -> str:
    """Log a finished run once more if it is a trial of a search elsewhere; what was done. Without such a search this needs no torch."""
    from lengen.logger.wandb_settings import trial

    nothing = "nothing is logged again"
    if trial() is None:
        return nothing
    with paused():
        from lengen.config.builder import Builder
        from lengen.experiment.run import log_again

    again = log_again(config, Builder(allowed))
    return "its numbers are logged as those of this trial" if again else nothing


def check_job(config: dict[str, Any], allowed: set[str], *, here: bool) -> JobResult:
    """Refuse a job that could not be trained, before any is: what its turn would refuse, but for what the run has on its disk.

    Args:
        config: of the job.
        allowed: top-level modules.
        here: whether this machine would train it.

    Raises:
        UsageError: it would be refused.
    """
    if not config.get(ORIGIN):  # which may be a run of an earlier job
        with paused():
            from lengen.config.builder import Builder
            from lengen.experiment.dry_run import planned
        planned(config, Builder(allowed), here=here)
    return JobResult(0)


def train_job(config: dict[str, Any], allowed: set[str]) -> JobResult:
    """Train and evaluate one run of a study, or with `seeds` several as one model."""
    from lengen.logger.wandb_upload import named_by_the_study

    try:
        with named_by_the_study():
            if config.get(SEEDS) is not None:
                return summed_up(train_seeds(config, allowed))
            return result_of(*run(config, allowed))
    except ClaimedError as claimed:
        return JobResult.passed_over(claimed)


def train_seeds(config: dict[str, Any], allowed: set[str]) -> dict[int, JobResult]:
    """Train the runs of several seeds as one model, but for those that are over; return the result of each, by seed."""
    runs = {run["seed"]: run for run in runs_of(config)}
    over = {seed: folder for seed, run in runs.items() if (folder := finished_already(run))}
    left = {seed: run for seed, run in runs.items() if seed not in over}
    results = {seed: result_of(folder, True, {}) for seed, folder in over.items()}
    if left:
        with paused():
            from lengen.config.builder import Builder
            from lengen.experiment.stack import StackedRun, run_stack

        stack = [StackedRun(run, words_of(words(), seed)) for seed, run in left.items()]
        for seed, outcome in zip(left, run_stack(stack, Builder(allowed)), strict=True):
            results[seed] = result_of(outcome.folder, outcome.earlier, curves_of(outcome))
    return {seed: results[seed] for seed in runs}


def summed_up(results: Mapping[int, JobResult]) -> JobResult:
    """The result of a job that has trained several seeds."""
    lines = [f"seed={seed} {result.line.partition('; ')[0]}" for seed, result in results.items()]
    value = next((result.value for result in results.values() if result.value), "")
    return JobResult(max(result.code for result in results.values()), "; ".join(lines), value=value)


def result_of(folder: RunFolder, earlier: bool, stress_sets: Mapping[str, Curve]) -> JobResult:
    """The result of a run."""
    from lengen.report import terminal
    from lengen.report.several import ends

    facts = folder.facts()
    if facts["status"] == "diverged":
        return JobResult(FAILED, f"diverged: {facts.get('error')}", value=str(folder.path))
    before = "finished already: " if earlier else ""
    trained = f"{before}{id_score(facts.get('id_exact_match') or 0.0, facts.get('id_examples'))}"
    parts = [trained, terminal.summary(folder.load_curve()), ends(stress_sets)]
    line = "; ".join(filter(None, parts))
    return JobResult(0, line, value=str(folder.path))


def run(config: dict[str, Any], allowed: set[str]) -> tuple[RunFolder, bool, dict[str, Curve]]:
    """Train and evaluate one run, unless it is finished.

    Returns:
        Its folder, whether it was finished already, and the curve of each stress set.
    """
    if folder := finished_already(config):  # needs no torch
        return folder, True, {}
    with paused():
        from lengen.config.builder import Builder
        from lengen.experiment.run import run_configuration

    outcome = run_configuration(config, Builder(allowed))
    return outcome.folder, outcome.earlier, curves_of(outcome)


def curves_of(outcome: Outcome) -> dict[str, Curve]:
    """The curve of each stress set of a run, by the name of its folder."""
    return {result.folder.path.name: result.curve for result in outcome.stress_sets if result.curve}


def search_of(config: Mapping[str, Any], sweeper: Any, words: Sequence[str]) -> Any:
    """Return what a search is told of its trials."""
    from lengen.cli.search import search

    return search(config, sweeper, words)


def show_study(progress: Progress | None, results: Sequence[JobResult], *, full: bool = False) -> None:
    """Print the table of the finished runs of a study, by the options in which they differ, how far it is, and what compares them.

    Args:
        progress: how far it is; None if that is not known.
        results: of the jobs, which are shown then.
        full: whether the table of trained seeds alone, and all notes, are printed, too.
    """
    folders = [result.value for result in results if result.code == 0 and result.value]
    if progress is not None:
        folders = [str(folder) for folder in progress.finished_folders]
    if len(folders) > 1:
        from lengen.analysis.compare_runs import show_table

        show_table(folders, full=full)
    if progress is not None:
        hint = "" if progress.finished else f"; lengen status {progress.name} says more"
        print(f"\nlengen: study {progress.summary()}{hint}", flush=True)
    if len(folders) > 1:
        print(f"lengen: {comparing(folders)}   draws figures, tests differences and makes a page", flush=True)
    show_upload([*folders, *(result.value for result in results if result.value)])


def show_upload(folders: Sequence[str]) -> None:
    """Print how to upload runs that W&B has not received, if there are any."""
    from lengen.logger.wandb_upload import study_line

    if line := study_line(map(Path, folders)):
        print(f"lengen: {line}", flush=True)


def comparing(folders: Sequence[str]) -> str:
    """The command that compares runs: those below the folder that they have in common."""
    together = Path(os.path.commonpath([Path(folder).absolute() for folder in folders]))
    place = str(together.relative_to(Path.cwd()) if together.is_relative_to(Path.cwd()) else together)
    return "lengen compare" if place == RESULTS else shlex.join(["lengen", "compare", f"runs={place}"])


def print_results(folder: RunFolder, *, earlier: bool, full: bool) -> int:
    """Print the results of a run; return 1 if it diverged."""
    from lengen.records.curve import Curve
    from lengen.report import terminal

    facts = folder.facts()
    if earlier:
        print(
            f"lengen: {folder.path} is {facts['status']} already; force=true repeats it and keeps the old folder under another name"
        )
    if facts["status"] == "diverged":
        print(f"lengen: diverged: {facts.get('error')}; the results up to then are in {folder.path}")
        return FAILED
    terminal.show_result(Curve.load(folder.curve), facts, folder.path, full=full)
    return 0
