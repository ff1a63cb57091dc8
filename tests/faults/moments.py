"""What a study is at, from the files that it has left so far."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from faults.study import LENGTHS

OF_TRAINING = ("start", "training", "checkpoint", "sweep", "report")


def claims(root: Path) -> dict[Path, str]:
    """The claims in a study by the folders that they are of; each process writes its own text."""
    found = {}
    for place in ("", "seed=*/eval/"):
        for claim in root.glob(f"results/runs/majority/*/*/{place}.*.claim"):
            with suppress(OSError):
                found[claim.with_name(claim.name.removeprefix(".").removesuffix(".claim"))] = (
                    claim.read_text()
                )
    return found


def phases(root: Path, earlier: Collection[str] = ()) -> list[str]:
    """What is being worked on: runs, evaluations, a comparison.

    Args:
        root: the folder above `results`.
        earlier: claims of processes that are gone.
    """
    found = [
        "eval" if folder.parent.name == "eval" else phase(folder)
        for folder, text in claims(root).items()
        if text not in earlier
    ]
    if (root / "results/compare").exists() and not (root / "results/compare/compare.json").exists():
        found.append("compare")
    return found


def phase(run: Path) -> str:
    """What a run is at."""
    if any((run / "checkpoints").glob(".*.part")):
        return "checkpoint"
    try:
        rows = (run / "curve.csv").read_text().count("\n") - 1
    except OSError:
        return "training" if (run / "train.csv").exists() else "start"
    return "sweep" if rows < LENGTHS else "report"
