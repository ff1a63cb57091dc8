"""Compare runs: tables, figures and a page, with every seed and honest intervals."""

from __future__ import annotations

from typing import Any

from lengen.cli.hydra_app import HydraApp


def main(arguments: list[str]) -> int:
    """Run the command."""
    door = HydraApp(
        "compare", compare, arguments, texts=("title", "out", "against"), lists=("runs", "where", "by")
    )
    return door.enter()


def compare(config: dict[str, Any], allowed: set[str]) -> int:
    """Find, compare, write and print."""
    from lengen.analysis.compare_runs import Comparison
    from lengen.config.builder import Builder

    Builder(allowed).build(Comparison, config).run()
    return 0
