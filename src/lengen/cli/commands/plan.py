"""Plan a study: what so many cells and seeds can and cannot show, before any run."""

from __future__ import annotations

from typing import Any

from lengen.cli.hydra_app import HydraApp
from lengen.config.compose import PLAN


def main(arguments: list[str]) -> int:
    """Run the command."""
    return HydraApp(PLAN, plan, arguments).enter()


def plan(config: dict[str, Any], allowed: set[str]) -> int:
    """Print what the study can show."""
    from lengen.analysis.plan_study import StudyPlan
    from lengen.config.builder import Builder

    Builder(allowed).build(StudyPlan, config).show()
    return 0
