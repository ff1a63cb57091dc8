"""Runs that a user names, each of which must be there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lengen.comparison.find_runs import below, matching
from lengen.config.errors import require
from lengen.records.run_dir import RunFolder


def find(patterns: Sequence[str], option: str) -> list[RunFolder]:
    """Every run that some patterns mean, each once, in the order of the patterns and then of the paths.

    Args:
        patterns: run folders, folders above runs, or globs of either.
        option: what the user calls them, for the refusal.

    Raises:
        ValueError: a pattern means no run.
    """
    found: dict[Path, None] = {}
    for pattern in patterns:
        runs = [run for place in matching(pattern) for run in below(place)]
        require(
            bool(runs),
            f"{option}={pattern}: no run is there (allowed: a run folder, a folder above runs, or a glob of them)",
        )
        found.update(dict.fromkeys(runs))
    return [RunFolder(path) for path in found]
