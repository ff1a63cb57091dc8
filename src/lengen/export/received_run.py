"""Check the folder of a run that somebody shared: plain files of known names, and nothing that could be executed."""

from __future__ import annotations

import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from lengen.config.errors import require
from lengen.records.curve import Curve
from lengen.records.run_dir import RunFolder

NEEDED = ("config.yaml", "run.json", "curve.csv", "model.safetensors")
"""Files that a shared run must have."""
RECORDS = ("verdicts.parquet", "train.csv", "vocabulary.json", "figure.png")
"""Files that it has if the run has them."""
CARD = "README.md"
KNOWN = (*NEEDED, *RECORDS, CARD)
BESIDE = (".gitattributes",)
"""What the hub adds; it is not fetched."""
LARGEST = 16 << 30
"""Most bytes of all files."""


def check_names(names: Iterable[str], name: str) -> None:
    """Refuse a shared run that lacks files, or has others.

    Args:
        names: of its files, relative to its folder.
        name: of the run, for the message.

    Raises:
        UsageError: names the first of them.
    """
    found = {*names} - {*BESIDE}
    for each in sorted(found - {*KNOWN}):
        require(False, f"{name}: has {each}, which is no file of a shared run (allowed: {', '.join(KNOWN)})")
    for each in NEEDED:
        require(each in found, f"{name}: has no {each}: it is not a run that lengen share made")


def check_received(folder: Path, name: str) -> None:
    """Refuse a folder that is not a shared run, or that could make its reader execute something.

    Args:
        folder: a folder on disk.
        name: of the run, for the message.

    Raises:
        UsageError: it has links, folders, unknown files, damaged files, or classes that are not lengen's.
    """
    for path in sorted(folder.iterdir()):
        kind = path.lstat().st_mode
        require(not stat.S_ISLNK(kind), f"{name}: {path.name} is a link; a shared run has files alone")
        require(stat.S_ISREG(kind), f"{name}: {path.name} is not a file; a shared run has files alone")
    check_names((path.name for path in folder.iterdir()), name)
    run = RunFolder(folder)
    for target in targets(run.config()):
        require(
            target.startswith("lengen."),
            f"{name}: config.yaml names {target}, which is not of lengen; only its own classes are read from a shared run",
        )
    status = run.facts().get("status", "nothing")
    require(status == "finished", f"{name}: its status is {status!r}; must be 'finished'")
    Curve.load(run.curve)


def targets(config: Any) -> Iterator[str]:
    """Yield the classes that a configuration names, at any depth."""
    if isinstance(config, dict):
        if "_target_" in config:
            yield str(config["_target_"])
        for part in config.values():
            yield from targets(part)
    elif isinstance(config, list):
        for part in config:
            yield from targets(part)
