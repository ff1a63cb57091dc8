"""Train at short lengths, sweep longer ones: one run, or with -m a study."""

from __future__ import annotations

from typing import Any

from lengen.cli.hydra_app import FAILED, HydraApp
from lengen.config.compose import TRAIN


def main(arguments: list[str]) -> int:
    """Run the command."""
    return HydraApp(TRAIN, train, arguments).enter()


def train(config: dict[str, Any], allowed: set[str]) -> int:
    """One run, from its configuration to its files and its table."""
    from lengen.config.builder import Builder
    from lengen.experiment.config import RunConfig
    from lengen.experiment.run import Experiment
    from lengen.report import terminal

    outcome = Experiment(Builder(allowed).build(RunConfig, {**config, "record": config})).run()
    if outcome.earlier:
        print(
            f"lengen: {outcome.folder.path} is {outcome.status} already; force=true runs it again and keeps the old one aside"
        )
    if outcome.status == "diverged":
        print(f"lengen: diverged: {outcome.error}; what was found until then is in {outcome.folder.path}")
        return FAILED
    for answer in outcome.stress_sets:
        if answer.curve:
            print(f"{answer.folder.path}: {terminal.summary(answer.curve)}")
    terminal.show(
        outcome.curve,
        id_exact_match=outcome.id_exact_match or 0.0,
        folder=outcome.folder.path,
        category=outcome.folder.facts().get("category", ""),
    )
    return 0
