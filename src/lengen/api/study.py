"""`lengen.study`: one run for every combination of options."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from html import escape
from itertools import product
from pathlib import Path
from typing import Any

from lengen.api.arguments import Folders, check_call, compose_call, folder_list, part_of
from lengen.api.checks import require_whole
from lengen.api.comparison import Comparison, compare
from lengen.api.main_guard import require_guard, stop_import
from lengen.api.main_module import in_main
from lengen.api.picture import Picture
from lengen.api.run import Run
from lengen.api.training import train
from lengen.config.compose import TRAIN, unpacked
from lengen.config.errors import UsageError, require
from lengen.config.identity import ORIGIN
from lengen.config.search import groups
from lengen.config.seeds import SEED_NAMES, without_seeds
from lengen.config.words import check_words
from lengen.experiment.dry_run import planned
from lengen.launcher.checking import refused
from lengen.launcher.job import Job, JobResult
from lengen.launcher.local import Local
from lengen.launcher.shared import run_shared
from lengen.records.claim import ClaimedError
from lengen.records.run_dir import RunFolder
from lengen.statistics.formats import counted


@dataclass(frozen=True)
class Failure:
    """A failed run: its options and its error."""

    options: Mapping[str, Any]
    error: Exception

    def __repr__(self) -> str:
        return f"{as_overrides(self.options)}: {self.error}"


@dataclass(frozen=True)
class Study:
    """Runs that differ in some options; a notebook shows their comparison.

    Args:
        runs: the runs that finished or diverged, in order.
        failed: the runs that failed.
        varied: the options in which they differ.
    """

    runs: tuple[Run, ...]
    failed: tuple[Failure, ...]
    varied: tuple[str, ...]

    @cached_property
    def comparison(self) -> Comparison:
        """The comparison of the runs by the varied options, under `results_dir`/studies."""
        require(bool(self.runs), "every run of the study failed: there is nothing to compare")
        paths = [str(run.path) for run in self.runs]
        results = Path(self.runs[0].config["results_dir"])
        digest = hashlib.sha256("\n".join(paths).encode()).hexdigest()[:8]
        return self.compare(out=str(results / "studies" / digest))

    def compare(self, **options: Any) -> Comparison:
        """Compare the runs, by default by the varied options.

        Args:
            **options: see `lengen.compare`.
        """
        by = [name for name in self.varied if name not in SEED_NAMES] or ["pe"]
        return compare([run.path for run in self.runs], **{"by": by, **options})

    @property
    def table(self) -> Any:
        """One row per cell, as a data frame."""
        return self.comparison.table

    @property
    def pairs(self) -> Any:
        """One row per pair of cells, as a data frame."""
        return self.comparison.pairs

    def figure(self, kind: str = "multiples", panel: str | None = None) -> Picture:
        """Return a figure of the comparison; see `Comparison.figure`."""
        return self.comparison.figure(kind, panel)

    def __repr__(self) -> str:
        lines = [
            f"Study of {counted(len(self.runs) + len(self.failed), 'run')} over {', '.join(self.varied) or 'nothing'}"
        ]
        return "\n  ".join([*lines, *(f"failed: {each!r}" for each in self.failed)])

    def _repr_html_(self) -> str:
        head = "<br>".join(map(escape, repr(self).splitlines()))
        shown = self.comparison._repr_html_() if self.runs else ""  # called by notebooks
        return f"<p>{head}</p>{shown}"


def study(*words: str, jobs: int | None = 1, config_dir: Folders = None, **options: Any) -> Study:
    """Run every combination of the options that are lists, as `lengen train -m` does, in the same folders.

    Runs that another process has are waited for at the end. There is no file of the study, since options may be objects.

        lengen.study(task="passkey", pe=["nope", "rope"], seed=range(3))
        lengen.study(task="copy", pe=[MyEncoding, "rope"], **{"optimizer.lr": [0.01, 0.02]}, eval={"lengths": [5, 10, 20]})

    Lists in dictionaries and in overrides are values, and are not varied. An option whose value is a list, such as
    `eval.lengths`, is varied by a list of lists.

    Args:
        *words: overrides as on the command line, for all runs.
        jobs: runs at a time. 1 runs them here, one after another; null (None) runs one a core, or one a GPU, each in a process
            of its own. A script that uses processes needs `if __name__ == "__main__":`.
        config_dir: the user's own configuration folders, as `--config-dir`.
        **options: see `lengen.train`; lists, tuples, ranges and arrays of one dimension are varied, the last one
            fastest.

    Returns:
        The study. A failed run does not stop the others; it is named on standard error and in `failed`. One that is impossible is named
        before the first is trained.

    Raises:
        UsageError: an option does not exist, or is invalid in every run.
        Exception: the first error, if every run failed.
    """
    stop_import()
    if jobs is not None:
        require_whole(jobs, "jobs", ", at least 1, or None for one a core or GPU")
    options = {name: _listed(value) for name, value in options.items()}
    folders = folder_list(config_dir)
    check_call(TRAIN, words, options, folders)
    _require_options(words, options, folders)
    rows, varied = _rows(words, options, config_dir)
    calls = [{**options, **row} for row in rows]
    check, one = partial(_check, words, config_dir), partial(_train, words, config_dir)
    results = _results(rows, calls, jobs, check, one)
    runs, failed = list[Run](), list[Failure]()
    for index, row in enumerate(rows):
        if results[index].code:
            failed.append(Failure(row, results[index].error or RuntimeError(results[index].line)))
        else:
            request = compose_call(TRAIN, words, calls[index], config_dir)
            runs.append(Run(RunFolder(Path(results[index].value)), request.given, request.allowed))
    if failed and not runs:
        raise failed[0].error
    return Study(tuple(runs), tuple(failed), varied)


def _listed(value: Any) -> Any:
    """Return an array of one dimension as a list, also within a list."""
    value = unpacked(value)
    return [*map(unpacked, value)] if isinstance(value, list) else value


def _require_options(words: Sequence[str], options: Mapping[str, Any], folders: Sequence[Path]) -> None:
    """Refuse a study with an option of a group that does not exist, whichever of its runs would have it.

    Args:
        words: overrides as on the command line.
        options: keywords, of which some are varied.
        folders: the user's own configuration folders.

    Raises:
        UsageError: names the option.
    """
    known = groups(folders)
    chosen = [word for word in words if word.partition("=")[0] in known]
    for group, value in options.items():
        if group not in known or isinstance(value, Mapping):
            continue
        for each in value if isinstance(value, (list, tuple)) else [value]:
            if isinstance(each, str):
                chosen.append(f"{group}={each}")
            else:
                part_of(group, each, TRAIN)
    check_words(chosen, folders, known, TRAIN.name)


def _rows(
    words: Sequence[str], options: Mapping[str, Any], config_dir: Folders
) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    """Return the varied options of every run, and the names of these options."""
    varied = {name: list(value) for name, value in options.items() if isinstance(value, (list, tuple, range))}
    for name in list_options(words, options, config_dir):
        if not any(isinstance(value, (list, tuple, range)) for value in varied.get(name, [[]])):
            del varied[name]  # a single value, which is a list
    for name, values in varied.items():
        require(bool(values), f"{name}={options[name]!r}: needs at least one value")
    return [dict(zip(varied, row, strict=True)) for row in product(*varied.values())], tuple(varied)


def _results(
    rows: Sequence[Mapping[str, Any]],
    calls: Sequence[Mapping[str, Any]],
    jobs: int | None,
    check: Callable[[Mapping[str, Any]], JobResult],
    one: Callable[[Mapping[str, Any]], JobResult],
) -> dict[int, JobResult]:
    """Check all runs, train those that are not refused, and say of the others why not.

    Args:
        rows: the varied options of every run.
        calls: all options of every run.
        jobs: runs at a time.
        check: checks the run of a call.
        one: trains it.
    """
    launcher, labels = Local(jobs, shown=jobs != 1), [as_overrides(row) for row in rows]
    apart = launcher.apart(len(rows))
    if apart:
        require_guard(f"lengen.study(jobs={jobs})")

    def passed(work: Callable[[], JobResult], call: Mapping[str, Any]) -> Callable[[], JobResult]:
        return in_main(work, call) if apart else work

    checks = {
        index: Job("", passed(partial(check, call), call), key=_cell(row))
        for index, (row, call) in enumerate(zip(rows, calls, strict=True))
    }
    results = refused(checks, apart=apart)
    for index, result in results.items():
        label = f"{labels[index]}: " if labels[index] else ""
        print(f"lengen: refused: {label}{result.line}", file=sys.stderr)
    left = [index for index in range(len(rows)) if index not in results]
    named = [Job(labels[index], passed(partial(one, calls[index]), calls[index])) for index in left]
    for place, result in run_shared(launcher, named):
        results[left[place]] = result
        if result.code:
            print(f"lengen: failed: {named[place].label}: {result.line}", file=sys.stderr)
            if jobs == 1 and result.traceback:
                print(result.traceback, file=sys.stderr)
    return results


def _cell(row: Mapping[str, Any]) -> str:
    """The same text for the varied options of runs that differ in their seeds alone, unless these are no seeds."""
    return as_overrides(without_seeds(row))


def _check(words: Sequence[str], config_dir: Folders, options: Mapping[str, Any]) -> JobResult:
    """Refuse a run of a study that could not be trained; one that goes on from another may go on from one before it."""
    try:
        request = compose_call(TRAIN, words, options, config_dir)
        if not request.config.get(ORIGIN):
            planned(request.config, request.builder)
    except UsageError as error:
        return JobResult.failed(error, mistake=str(error))
    return JobResult(0)


def _train(words: Sequence[str], config_dir: Folders, options: Mapping[str, Any]) -> JobResult:
    """Train one run of a study; an error does not stop the others."""
    try:
        run = train(*words, config_dir=config_dir, **options)
    except ClaimedError as claimed:
        return JobResult.passed_over(claimed)
    except Exception as error:  # noqa: BLE001  # as in a multirun, the other runs continue
        return JobResult.failed(
            error, mistake=str(error) if isinstance(error, (UsageError, OSError)) else None
        )
    return JobResult(0, repr(run).splitlines()[0], value=str(run.path))


def list_options(words: Sequence[str], options: Mapping[str, Any], config_dir: Folders) -> list[str]:
    """Return the options whose value is a list, such as `eval.lengths`; only a list of lists varies them."""
    dotted = [name for name in options if "." in name]
    if not dotted:
        return []
    first = {
        name: value[0] if isinstance(value, (list, tuple, range)) and value else value
        for name, value in options.items()
        if name not in dotted
    }
    config = compose_call(TRAIN, words, first, config_dir).config
    names = []
    for name in dotted:
        node: Any = config
        for part in name.split("."):
            node = node.get(part) if isinstance(node, Mapping) else None
        if isinstance(node, list):
            names.append(name)
    return names


def as_overrides(options: Mapping[str, Any]) -> str:
    """Format options as on the command line."""
    return " ".join(f"{name}={getattr(value, '__name__', value)}" for name, value in options.items())
