"""Examine trained runs again: other lengths, stress sets, or where their heads look."""

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
    """Every run in turn; one that fails does not stop the others."""
    from lengen.api.evaluation import request
    from lengen.experiment.reevaluate import display_path

    asked = request(config, allowed)
    runs = asked.runs
    failed = 0
    for index, folder in enumerate(runs, 1):
        if len(runs) > 1:
            print(f"lengen: run {index} of {len(runs)}: {display_path(folder.path)}", flush=True)
        try:
            tell(asked.run_on(folder, allowed), full=len(runs) == 1)
        except Exception as error:
            if len(runs) == 1:
                raise
            failed += 1
            print(f"lengen: failed: {display_path(folder.path)}: {error}", file=sys.stderr)
            if not is_usage_error(error, allowed):
                traceback.print_exception(error)
    if len(runs) > 1:
        print(f"lengen: {len(runs) - failed} of {len(runs)} runs examined")
    return FAILED if failed else 0


def tell(answers: list[Any], *, full: bool) -> None:
    """What was found: a table for a single curve, else a line each."""
    from lengen.experiment.reevaluate import display_path
    from lengen.report import terminal

    for answer in answers:
        if answer.earlier:
            print(
                f"lengen: {display_path(answer.folder.path)} is there already; force=true does it again and keeps the old one aside"
            )
        if full and answer.curve is not None and len(answers) == 1:
            facts = answer.folder.facts()
            terminal.show(
                answer.curve,
                id_exact_match=facts["id_exact_match"],
                folder=answer.folder.path,
                category=facts.get("category", ""),
            )
        elif not answer.earlier:
            files = answer.folder.path.iterdir()
            names = sorted(path.name for path in files if path.suffix in (".csv", ".png"))
            found = terminal.summary(answer.curve) if answer.curve else ", ".join(names)
            print(f"  {display_path(answer.folder.path)}: {found}")
