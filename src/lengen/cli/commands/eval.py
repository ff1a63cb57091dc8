"""Evaluate trained runs again: at other lengths, on stress sets, or inspect their attention."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
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
        Job(label(folder.path), partial(evaluate_one, config, allowed, folder.path), threads)
        for folder in runs
    ]
    failed, done = 0, list[Evaluated]()
    for index, result in Local(evaluation.jobs).run(jobs):
        if result.code:
            failed += 1
            line = short_names(result.line, EVAL.short)
            print(f"lengen: failed: {display_path(runs[index].path)}: {line}", file=sys.stderr)
        else:
            done.append(result.value)
    print("\n".join(ending(done, len(runs) - failed, len(runs))))
    if tables := sorted(path for each in done for path in each.tables):
        print_pooled(evaluation, tables)
    return FAILED if failed else 0


@dataclass(frozen=True)
class Evaluated:
    """What is known of one of several runs once it is evaluated.

    Args:
        tables: folders of the evaluations that are pooled over runs.
        trained: whether the run has learned the lengths that it was trained on.
        earlier: whether all was there already.
    """

    tables: tuple[Path, ...]
    trained: bool
    earlier: bool


def label(run: Path) -> str:
    """Name a run by its path below the folder of runs, or as it is shown elsewhere if it lies in none."""
    from lengen.experiment.reevaluate import display_path

    shown = display_path(run)
    return shown.rpartition("/runs/")[2]


def ending(done: Sequence[Evaluated], count: int, runs: int) -> list[str]:
    """What is said once at the end of several runs: how many were evaluated, and what the words on their lines mean."""
    from lengen.records.curve import TRAINED
    from lengen.report.terminal import NO_EXTRAPOLATION

    lines = [f"lengen: {count} of {runs} runs evaluated; files: in the folder eval of each run"]
    if not all(each.trained for each in done):
        lines.append(f"NOT TRAINED: ID exact match is below {TRAINED}; {NO_EXTRAPOLATION}")
    if any(each.earlier for each in done):
        lines.append("force=true repeats what was there, and keeps the old folders under other names")
    return lines


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
    tables = tuple(result.folder.path for result in results if result.lines)
    shown = [result for result in results if result.lines] or results
    found = Evaluated(tables, all(map(trained, shown)), all(result.earlier for result in shown))
    words = [in_short(shown)]
    if not found.trained:
        words.insert(0, "NOT TRAINED: ")
    if found.earlier:
        words.append(" (is there already)")
    return JobResult(0, "".join(words), value=found)


def in_short(results: Sequence[Any]) -> str:
    """The evaluations of one of several runs on one line: of a single curve its ends and reaches, of each of several its end."""
    from lengen.report import terminal
    from lengen.report.several import ends

    swept = [result for result in results if result.curve and not result.headline]
    if not swept:
        return "; ".join(result.headline or result.folder.path.name for result in results)
    if len(swept) == 1:
        return terminal.summary(swept[0].curve, measurable=True)
    asked = (result.folder.facts().get("asked", {}).get("stress") for result in swept)
    return ends(
        {stress or result.folder.path.name: result.curve for stress, result in zip(asked, swept, strict=True)}
    )


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
    if len(results) > 1:
        print("\n".join(several(results)))
        return
    for result in results:
        if result.curve is None:
            print(f"{'lengen:' if result.earlier else ' '} {described(result)}")
            continue
        if result.earlier:
            print(f"lengen: {there_already(result)}")
        terminal.show_result(result.curve, result.folder.facts(), result.folder.path, full=full)


def several(results: Sequence[Any]) -> list[str]:
    """Several evaluations of a run: a line or two each, and once where they are and what is said of all."""
    from lengen.experiment.reevaluate import display_path
    from lengen.report.several import listed
    from lengen.report.terminal import verdict

    earlier = [result.earlier for result in results]
    mark = "" if all(earlier) else " (there already)"
    lines = listed({each.folder.path.name: found(each) + mark * each.earlier for each in results})
    if not all(map(trained, results)):
        facts = facts_of_run(results[0])
        lines.append(verdict(facts.get("id_exact_match") or 0.0, facts.get("id_examples")))
    if any(earlier):
        start = "this is there already; " if all(earlier) else ""
        lines.append(f"{start}force=true repeats what is there, and keeps the old folders under other names")
    return [*lines, f"files: {display_path(results[0].folder.path.parent)}"]


def described(result: Any) -> str:
    """An evaluation on one line; that of a run that is not trained is marked."""
    from lengen.experiment.reevaluate import display_path

    path = display_path(result.folder.path)
    mark = "" if trained(result) else "NOT TRAINED: "
    if result.headline:
        return f"{path}: {mark}{result.headline}"
    return f"{there_already(result) if result.earlier else path}: {mark}{found(result)}"


def found(result: Any) -> str:
    """What an evaluation has found: its curve in short, or the names of its tables and figures."""
    from lengen.report import terminal
    from lengen.report.paper import FORMATS

    if result.headline:
        return str(result.headline)
    if result.curve:
        return terminal.summary(result.curve, measurable=True)
    written = {".csv", *(f".{kind}" for kind in FORMATS)}
    names = sorted(each.name for each in result.folder.path.iterdir() if each.suffix in written)
    return ", ".join(names)


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
