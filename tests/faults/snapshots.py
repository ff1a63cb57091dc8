"""Copies of runs as they are in the middle of training and in the middle of the sweep."""

from __future__ import annotations

import shutil
import signal
from itertools import product
from pathlib import Path

from faults.commands import Commands, wait_for
from faults.study import ENCODINGS, LENGTHS, SEEDS, STUDY

RUNS = tuple(product(ENCODINGS, SEEDS))


def of_run(name: str) -> str:
    """The folder of the run that a file is in."""
    return "/".join(name.split("/")[:6])


def take(commands: Commands, folder: Path) -> None:
    """Run the study, and hold it where every run is in training and in the sweep, to copy it.

    Args:
        commands: run in an empty folder.
        folder: receives `training/` and `sweep/`, which have the runs at their places.
    """
    root = commands.folder
    running = commands.start(*STUDY, "jobs=1")
    taken: set[tuple[str, str]] = set()

    def step() -> bool:
        for claim in root.glob("results/runs/majority/*/*/.seed=*.claim"):
            run = claim.with_name(claim.name.removeprefix(".").removesuffix(".claim"))
            state = phase(run)
            key = (state or "", str(run.relative_to(root)))
            if state and key not in taken:
                running.signal(signal.SIGSTOP)
                if phase(run) == state:
                    shutil.copytree(run, folder / state / key[1], ignore=shutil.ignore_patterns(".*.part"))
                    taken.add(key)
                running.signal(signal.SIGCONT)
        return running.ended

    wait_for(step, 600, "the study hangs", pause=0.001)
    running.check()
    assert len(taken) == 2 * len(RUNS), f"{len(taken)} of {2 * len(RUNS)} moments were seen"


def phase(run: Path) -> str | None:
    """`training` with two checkpoints, `sweep` with some lengths; None for other moments."""
    try:
        rows = (run / "curve.csv").read_text().count("\n") - 1
    except FileNotFoundError:
        checkpoints = run / "checkpoints"
        whole = {path.name for path in checkpoints.glob("*.ckpt")} if checkpoints.exists() else set()
        return "training" if whole >= {"last.ckpt", "previous.ckpt", "best.ckpt"} else None
    return "sweep" if 2 <= rows < LENGTHS else None
