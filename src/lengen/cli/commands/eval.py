"""Evaluate trained runs again: at other lengths, on stress sets, or inspect their attention."""

from __future__ import annotations

import sys
import traceback
from typing import Any

from lengen.cli.hydra_app import FAILED, HydraApp
from lengen.config.compose import EVAL
from lengen.config.errors import is_usage_error


def main(arguments: list[str]) -> int:
    """Run the command."""
    return HydraApp(EVAL, evaluate, arguments).enter()


def evaluate(config: dict[str, Any], allowed: set[str]) -> int:
    """Evaluate every run; a failed run does not stop the others."""
    from lengen.api.evaluation import request
    from lengen.experiment.reevaluate import display_path

    evaluation = request(config, allowed)
    runs = evaluation.runs
    if len(runs) > 1:
        evaluation.check(allowed)
    failed = 0
    for index, folder in enumerate(runs, 1):
        if len(runs) > 1:
            print(f"lengen: run {index} of {len(runs)}: {display_path(folder.path)}", flush=True)
        try:
            print_results(evaluation.run_on(folder, allowed), full=len(runs) == 1)
        except Exception as error:
            if len(runs) == 1:
                raise
            failed += 1
            print(f"lengen: failed: {display_path(folder.path)}: {error}", file=sys.stderr)
            if not is_usage_error(error, allowed):
                traceback.print_exception(error)
    if len(runs) > 1:
        print(f"lengen: {len(runs) - failed} of {len(runs)} runs evaluated")
    return FAILED if failed else 0


def print_results(results: list[Any], *, full: bool) -> None:
    """Print a table for a single curve, otherwise one line per evaluation."""
    from lengen.experiment.reevaluate import display_path
    from lengen.records.error_law import ErrorLaw
    from lengen.report import terminal

    for result in results:
        if result.earlier:
            print(
                f"lengen: {display_path(result.folder.path)} is there already; force=true repeats it and keeps the old "
                "folder under another name"
            )
        if full and result.curve is not None and len(results) == 1:
            facts = result.folder.facts()
            terminal.show(
                result.curve,
                id_exact_match=facts["id_exact_match"],
                folder=result.folder.path,
                category=facts.get("category", ""),
                law=ErrorLaw.of(facts),
            )
        elif not result.earlier:
            files = result.folder.path.iterdir()
            names = sorted(path.name for path in files if path.suffix in (".csv", ".png"))
            line = terminal.summary(result.curve) if result.curve else ", ".join(names)
            print(f"  {display_path(result.folder.path)}: {line}")
