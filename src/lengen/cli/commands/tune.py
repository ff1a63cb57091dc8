"""Train trained runs a little further, as a whole or in part: a new run of each."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from lengen.cli.arguments import verbose
from lengen.cli.commands.train import print_results, train_job
from lengen.cli.commands.train import run as train_run
from lengen.cli.hydra_app import HydraApp
from lengen.config.compose import TUNE
from lengen.config.errors import UsageError, is_usage_error
from lengen.config.short_words import short_names
from lengen.launcher.job import FAILED, Job, JobResult


def main(arguments: list[str]) -> int:
    """Run the command."""
    full, words = verbose(arguments)
    return HydraApp(TUNE, partial(tune, full=full), words).enter()


def tune(config: dict[str, Any], allowed: set[str], *, full: bool = False) -> int:
    """Tune every run; a failed run does not stop the others. `full` prints all that is known of a single curve."""
    from lengen.comparison.find_runs import find_folders
    from lengen.launcher.checking import refused
    from lengen.launcher.local import Local

    made = request(config, allowed)
    found = find_folders(made.run, "run")
    folders = [each for each in found if "tuned" not in each.facts()] or found
    if len(folders) == 1:
        record = made.record(folders[0], allowed)
        tell_left_out(found, folders)
        folder, earlier, _ = train_run(record, allowed)
        return print_results(folder, earlier=earlier, full=full)
    threads = made.trainer.get("threads", 1)
    jobs = [Job(str(each.path), partial(tune_one, config, allowed, each.path), threads) for each in folders]
    launcher = Local(made.jobs)
    checks = {
        place: replace(job, work=partial(check_one, config, allowed, folders[place].path))
        for place, job in enumerate(jobs)
    }
    bad = refused(checks, apart=launcher.apart(len(jobs)))
    if len(bad) == len(jobs):
        raise UsageError(bad[0].line)
    tell_left_out(found, folders)
    for place, result in bad.items():
        tell("refused", jobs[place], result)
    left, failed = [job for place, job in enumerate(jobs) if place not in bad], len(bad)
    for place, result in launcher.run(left):
        if result.code:
            failed += 1
            tell("failed", left[place], result)
    print(f"lengen: {len(folders) - failed} of {len(folders)} runs tuned")
    return FAILED if failed else 0


def tell(what: str, job: Job, result: JobResult) -> None:
    """Say what became of a run that is not tuned, and why."""
    print(f"lengen: {what}: {job.label}: {short_names(result.line, TUNE.short)}", file=sys.stderr)


def tell_left_out(found: Sequence[Any], tuned: Sequence[Any]) -> None:
    """Say how many runs that are tuned already are left out."""
    if len(tuned) < len(found):
        print(
            f"lengen: runs that are tuned are left out ({len(found) - len(tuned)}); to tune them again, name a folder that has no others"
        )


def tune_one(config: dict[str, Any], allowed: set[str], path: Path) -> JobResult:
    """Tune one of several runs, in whatever process."""
    from lengen.records.run_dir import RunFolder

    try:
        record = request(config, allowed).record(RunFolder(path), allowed)
        result = train_job(record, allowed)
        return replace(result, line=f"{result.value}: {result.line}") if result.value else result
    except Exception as error:  # noqa: BLE001  # a failed run does not stop the others
        return JobResult.failed(error, mistake=str(error) if is_usage_error(error, allowed) else None)


def check_one(config: dict[str, Any], allowed: set[str], path: Path) -> JobResult:
    """Refuse a run that could not be tuned so, before any is."""
    from lengen.config.builder import Builder
    from lengen.experiment.dry_run import planned
    from lengen.records.run_dir import RunFolder

    try:
        planned(request(config, allowed).record(RunFolder(path), allowed), Builder(allowed))
    except UsageError as error:
        return JobResult.failed(error, mistake=str(error))
    return JobResult(0)


def request(config: dict[str, Any], allowed: set[str]) -> Any:
    """Build the options of the command from its configuration, and set torch's number of threads."""
    import torch

    from lengen.analysis.eval_request import as_list
    from lengen.config.builder import Builder
    from lengen.experiment.tune_request import TuneRequest

    label = config.get("labels", {}).get("tune") or "tuned"
    values = {name: value for name, value in config.items() if name != "labels"}
    made = Builder(allowed).build(TuneRequest, {**values, "run": as_list(config["run"]), "label": label})
    torch.set_num_threads(made.trainer.get("threads", 1))
    return made
