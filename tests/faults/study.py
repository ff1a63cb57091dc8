"""A small study, and what of its files does not depend on the clock."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

TINY = (
    "task=majority",
    "decoder.layers=1",
    "decoder.dim=16",
    "decoder.heads=2",
    "train_length=4",
    "batch_size=32",
    "steps=60",
    "eval.examples=100",
    "eval.lengths=range(2,13,2)",
    "trainer.probe_every=20",
    "trainer.probe_examples=24",
    "trainer.log_every=5",
    "trainer.checkpoint_every=10",
    "trainer.progress=false",
)
"""A run of a second."""
ENCODINGS, SEEDS = ("nope", "rope"), range(14)
STUDY = ("train", "-m", f"pe={','.join(ENCODINGS)}", f"seed=range({len(SEEDS)})", *TINY)
EVAL = ("eval", "run=results/runs", "lengths=[3,5,14]", "trainer.progress=false")
COMPARE = ("compare",)
EXPORT = (
    "data",
    "export=data",
    "task=majority",
    "train_length=20",
    "examples=5000",
    "eval.lengths=range(2,40,2)",
    "eval.examples=500",
    "trainer.progress=false",
)
LENGTHS = 6
"""Lengths of the sweep."""
OF_CLOCK_AND_MEMORY = {
    "seconds",
    "peak_bytes",
    "memory_bytes",
    "tokens_per_second",
    "minutes",
    "milliseconds",
    "megabytes",
}
FACTS = (
    "status",
    "error",
    "cell",
    "identity",
    "protocol",
    "category",
    "trained_lengths",
    "largest_position",
    "id_exact_match",
    "trained",
    "reach",
    "error_law",
    "parameters",
    "parameters_digest",
    "asked",
)
"""Entries of `run.json` and `eval.json` that are compared."""
WHOLE = ("verdicts.parquet", "config.yaml")
"""Files that are compared byte for byte. Figures say how many test strings were trained on, as far as time allowed to count."""


def tables(root: Path) -> dict[str, Any]:
    """The results below a folder, by the names of their files: bytes, or rows without what a clock writes."""
    found: dict[str, Any] = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if path.name in ("run.json", "eval.json"):
            found[name] = facts(path)
        elif path.suffix == ".csv":
            try:
                found[name] = rows(path)
            except (UnicodeDecodeError, ValueError, IndexError):
                found[name] = path.read_bytes()
        elif path.name in WHOLE or path.parent.name in ("studies", "data"):
            found[name] = path.read_bytes() if path.is_file() else None
    return found


def facts(path: Path) -> Any:
    """What is compared of `run.json` or `eval.json`; its bytes if it is damaged."""
    try:
        found = json.loads(path.read_text())
    except ValueError:
        return path.read_bytes()
    return {key: found.get(key) for key in FACTS}


def rows(path: Path) -> list[list[str]]:
    """A CSV file without the columns of clock and memory, header included."""
    with path.open(newline="") as file:
        names, *values = csv.reader(file)
    kept = [place for place, name in enumerate(names) if name not in OF_CLOCK_AND_MEMORY]
    return [[row[place] for place in kept] for row in (names, *values)]


def differences(found: Mapping[str, Any], expected: Mapping[str, Any]) -> list[str]:
    """Names of files that differ, are missing, or are too many."""
    return sorted(
        name
        for name in {*found, *expected}
        if name not in found or name not in expected or found[name] != expected[name]
    )


def status(run: Path) -> str | None:
    """Status of a run; None if its file cannot be read."""
    try:
        return json.loads((run / "run.json").read_text())["status"]
    except (OSError, ValueError, LookupError):
        return None


def finished(root: Path) -> dict[str, tuple[int, int]]:
    """The files of finished runs, with what changes when one is written again."""
    return {
        str(path.relative_to(root)): (path.stat().st_ino, path.stat().st_mtime_ns)
        for run in root.glob("results/runs/majority/*/*/seed=*")
        if status(run) == "finished"
        for path in (
            run / "run.json",
            run / "curve.csv",
            run / "verdicts.parquet",
            run / "checkpoints/last.ckpt",
        )
    }


def parts(root: Path) -> list[str]:
    """Temporary files and folders that were left."""
    return sorted(str(path.relative_to(root)) for path in root.rglob(".*.part"))


def of_some(found: Mapping[str, Any], *seeds: str) -> dict[str, Any]:
    """The tables of the runs of some seeds."""
    return {name: value for name, value in found.items() if any(f"/{seed}/" in name for seed in seeds)}
