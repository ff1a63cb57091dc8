"""Evaluate trained runs again: at other lengths, on stress sets, or inspect their attention."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Any

from lengen.cli.arguments import verbose
from lengen.cli.collector import paused
from lengen.cli.hydra_app import HydraApp
from lengen.config.compose import EVAL
from lengen.config.errors import is_usage_error
from lengen.config.short_words import short_names
from lengen.launcher.job import FAILED, Job, JobResult


def main(arguments: list[str]) -> int:
    """Run the command."""
    full, words = verbose(arguments)
    return HydraApp(EVAL, partial(evaluate, full=full), words).enter()


def evaluate(config: dict[str, Any], allowed: set[str], *, full: bool = False) -> int:
    """Evaluate every run; a failed run does not stop the others. `full` prints all that is known of a single curve."""
    with paused():
        from lengen.api.evaluation import request
        from lengen.experiment.reevaluate import display_path
        from lengen.launcher.local import Local

    evaluation = request(config, allowed)
    runs = evaluation.runs
    if len(runs) > 1:
        evaluation.check(allowed)
    if len(runs) == 1:
        print_results(evaluation.run_on(runs[0], allowed), full=full)
        return 0
    threads = evaluation.trainer.get("threads", 1)
    jobs = [
        Job(display_path(folder.path), partial(evaluate_one, config, allowed, folder.path), threads)
        for folder in runs
    ]
    failed, tables = 0, list[Path]()
    for index, result in Local(evaluation.jobs).run(jobs):
        tables += result.value or []
        if result.code:
            failed += 1
            line = short_names(result.line, EVAL.short)
            print(f"lengen: failed: {jobs[index].label}: {line}", file=sys.stderr)
    print(f"lengen: {len(runs) - failed} of {len(runs)} runs evaluated")
    if tables:
        print_pooled(evaluation, sorted(tables))
    return FAILED if failed else 0


def print_pooled(evaluation: Any, folders: list[Path]) -> None:
    """Print what extensions change over several runs, and write to `out` what these have in common."""
    from lengen.analysis import pooled_extensions, pooled_read_outs

    out = None if evaluation.out is None else Path(evaluation.out)
    if evaluation.inspect is not None:
        if out is not None:
            runs = pooled_read_outs.read_runs(folders, evaluation.inspect)
            names = pooled_read_outs.write(runs, evaluation.inspect, out, evaluation.paper)
            print(f"files: {out}: {', '.join(names)}")
        return
    found, others = pooled_extensions.read_tables(folders)
    rows = [*pooled_extensions.pooled(found)]
    untrained = [*pooled_extensions.pooled(pooled_extensions.of_other_cells(others, found))]
    print("\n".join(pooled_extensions.printed(rows, len(others), untrained)))
    if out is not None:
        lengths = {table.cell["cell"]: table.train_length for table in found}
        names = pooled_extensions.write(rows, len(others), out, lengths, evaluation.paper)
        print(f"files: {out}: {', '.join(names)}")


def evaluate_one(config: dict[str, Any], allowed: set[str], path: Path) -> JobResult:
    """Evaluate one of several runs, in whatever process."""
    from lengen.api.evaluation import request
    from lengen.records.run_dir import RunFolder

    try:
        results = request(config, allowed).run_on(RunFolder(path), allowed)
    except Exception as error:  # noqa: BLE001  # a failed run does not stop the others
        return JobResult.failed(error, mistake=str(error) if is_usage_error(error, allowed) else None)
    tables = [result.folder.path for result in results if result.lines]
    shown = [result for result in results if result.lines] or results
    return JobResult(0, "; ".join(described(result) for result in shown), value=tables)


def print_results(results: list[Any], *, full: bool) -> None:
    """Print a single curve with its table, otherwise one line per evaluation; what is of a run that is not trained is marked."""
    from lengen.report import terminal

    if any(result.lines for result in results):
        for result in results:
            if result.lines:
                print("\n".join(result.lines))
                if not trained(result):
                    facts = facts_of_run(result)
                    print(terminal.verdict(facts.get("id_exact_match") or 0.0, facts.get("id_examples")))
                print(f"files: {result.folder.path}")
            elif result.curve is None:
                print(f"  {described(result)}")
        return
    for result in results:
        if result.curve is not None and len(results) == 1:
            if result.earlier:
                print(f"lengen: {there_already(result)}")
            terminal.show_result(result.curve, result.folder.facts(), result.folder.path, full=full)
        else:
            print(f"{'lengen:' if result.earlier else ' '} {described(result)}")


def described(result: Any) -> str:
    """An evaluation on one line; that of a run that is not trained is marked."""
    from lengen.experiment.reevaluate import display_path
    from lengen.report import terminal
    from lengen.report.paper import FORMATS

    path = display_path(result.folder.path)
    mark = "" if trained(result) else "NOT TRAINED: "
    if result.headline:
        return f"{path}: {mark}{result.headline}"
    written = {".csv", *(f".{kind}" for kind in FORMATS)}
    names = sorted(each.name for each in result.folder.path.iterdir() if each.suffix in written)
    found = f"{mark}{terminal.summary(result.curve) if result.curve else ', '.join(names)}"
    return f"{there_already(result) if result.earlier else path}: {found}"


def there_already(result: Any) -> str:
    """What is said of an evaluation that was finished before."""
    from lengen.experiment.reevaluate import display_path

    return f"{display_path(result.folder.path)} is there already; force=true repeats it and keeps the old folder under another name"


def trained(result: Any) -> bool:
    """Whether the run of an evaluation has learned the lengths that it was trained on."""
    return bool(facts_of_run(result).get("trained", True))


def facts_of_run(result: Any) -> dict[str, Any]:
    """What the folder of the run of an evaluation says of it."""
    from lengen.records.run_dir import RunFolder

    return RunFolder(result.folder.run).facts()
