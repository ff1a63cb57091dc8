"""Compare runs: tables, figures and a page, with every seed and exact intervals."""

from __future__ import annotations

from typing import Any

from lengen.cli.collector import paused
from lengen.cli.hydra_app import HydraApp
from lengen.config.compose import COMPARE


def main(arguments: list[str]) -> int:
    """Run the command."""
    return HydraApp(COMPARE, compare, arguments).enter()


def compare(config: dict[str, Any], allowed: set[str]) -> int:
    """Compare the runs; write and print the results."""
    with paused():
        from lengen.analysis.compare_runs import Comparison
        from lengen.config.builder import Builder

    Builder(allowed).build(Comparison, config).run()
    return 0
