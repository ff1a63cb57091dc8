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
from lengen.config.errors import is_usage_error, refuse_if_all
from lengen.config.short_words import short_names
from lengen.launcher.job import FAILED, Job, JobResult


def main(arguments: list[str]) -> int:
    """Run the command."""
    full, words = verbose(arguments)
    return HydraApp(TUNE, partial(tune, full=full), words).enter()


def tune(config: dict[str, Any], allowed: set[str], *, full: bool = False) -> int:
    """Tune every run; a failed run does not stop the others. `full` prints all that is known of a single curve."""
    from lengen.comparison.find_runs import find_folders
    from lengen.launcher.local import Local

    made = request(config, allowed)
    found = find_folders(made.run, "run")
    folders = [each for each in found if "tuned" not in each.facts()] or found
    if len(folders) == 1:
        record = made.record(folders[0], allowed)
        tell_left_out(found, folders)
        folder, earlier, _ = train_run(record, allowed)
        return print_results(folder, earlier=earlier, full=full)
    refuse_if_all(partial(made.record, folder, allowed) for folder in folders)
    tell_left_out(found, folders)
    threads = made.trainer.get("threads", 1)
    jobs = [Job(str(each.path), partial(tune_one, config, allowed, each.path), threads) for each in folders]
    failed = 0
    for index, result in Local(made.jobs).run(jobs):
        if result.code:
            failed += 1
            line = short_names(result.line, TUNE.short)
            print(f"lengen: failed: {jobs[index].label}: {line}", file=sys.stderr)
    print(f"lengen: {len(folders) - failed} of {len(folders)} runs tuned")
    return FAILED if failed else 0


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
