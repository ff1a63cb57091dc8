"""Compare runs: tables, figures and a page, with every seed and exact intervals."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from lengen.cli.arguments import folders
from lengen.cli.collector import paused
from lengen.cli.hydra_app import HydraApp
from lengen.config.compose import COMPARE


def main(arguments: list[str]) -> int:
    """Run the command."""
    own = [Path(folder).absolute() for folder in folders(arguments)[0]]
    return HydraApp(COMPARE, partial(compare, own=own), arguments).enter()


def compare(config: dict[str, Any], allowed: set[str], own: Sequence[Path] = ()) -> int:
    """Compare the runs; write and print the results.

    Args:
        config: the options.
        allowed: top-level modules whose classes a configuration may name.
        own: the user's configuration folders.
    """
    with paused():
        from lengen.analysis.compare_runs import Comparison
        from lengen.config.builder import Builder

    Builder(allowed).build(Comparison, config).run(folders=own)
    return 0
