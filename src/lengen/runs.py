"""Runs on disk, found by paths, folders above them, and globs."""

from __future__ import annotations

from collections.abc import Sequence
from glob import glob
from pathlib import Path

from lengen.folder import RunFolder
from lengen.refusal import require


def find(patterns: Sequence[str], option: str) -> list[RunFolder]:
    """Every run that some patterns mean, each once, in the order of the patterns and then of the paths.

    Hidden folders and runs that were moved aside never count.

    Args:
        patterns: run folders, folders above runs, or globs of either.
        option: what the user calls them, for the refusal.

    Raises:
        ValueError: a pattern means no run.
    """
    found: dict[Path, None] = {}
    for pattern in patterns:
        plain = Path(pattern).expanduser()
        places = (
            [plain] if plain.exists() else [Path(place) for place in sorted(glob(str(plain), recursive=True))]  # noqa: PTH207  # a glob may be absolute
        )
        runs = [run for place in places for run in _below(place)]
        require(
            bool(runs),
            f"{option}={pattern}: no run is there (allowed: a run folder, a folder above runs, or a glob of them)",
        )
        found.update(dict.fromkeys(runs))
    return [RunFolder(path) for path in found]


def _below(place: Path) -> list[Path]:
    """The run in a folder, or all runs below it."""
    runs = sorted(file.parent for file in place.rglob(RunFolder.facts_name))
    return [
        run
        for run in runs
        if ".aside-" not in run.as_posix()
        and not any(part.startswith(".") for part in run.relative_to(place).parts)
    ]
