"""What a table over several runs says of the run of each row: its cell, and whether it is trained."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from lengen.records.run_dir import EvalFolder, RunFolder


class RunOf(NamedTuple):
    """The run of an evaluation.

    Args:
        cell: labels, hash of the cell and stress set, by name.
        seed: of the run.
        train_length: its longest trained length.
        id_exact_match: as the run recorded it, in [0, 1].
    """

    cell: dict[str, str]
    seed: int
    train_length: int
    id_exact_match: float


def run_of(folder: Path, labels: Collection[str]) -> RunOf:
    """Return the run of an evaluation.

    Args:
        folder: of the evaluation, below its run.
        labels: groups whose options are named.
    """
    evaluation = EvalFolder(folder)
    run = RunFolder(evaluation.run)
    facts, config, asked = run.facts(), run.config(), evaluation.facts()["asked"]
    loops = f"loops={asked['loops']}" if "loops" in asked else ""
    cell = {
        **{name: str(config["labels"].get(name, "")) for name in labels},
        "cell": str(facts["cell"]),
        "stress": ", ".join(filter(None, (str(asked.get("stress", "")), loops))),
    }
    return RunOf(cell, int(config["seed"]), int(config["train_length"]), float(facts["id_exact_match"]))


def seeds_in_words(count: int, state: str = "trained") -> str:
    """Return a number of seeds that are trained, or not, in words."""
    return f"{count} {state} seed{'' if count == 1 else 's'}"
