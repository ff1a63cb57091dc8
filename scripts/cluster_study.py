"""A study of 60 runs on Slurm or Ray, killed twice with all its jobs, against the same study in one go on this machine.

    python scripts/cluster_study.py FOLDER local slurm ray

The launchers are tried in turn, each in FOLDER/NAME; `local` first, to which the others are compared: curves, tables and
digests of the final parameters must agree byte for byte, apart from times and memory. Slurm must be up (scripts/slurm.sh).
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

STUDY = (
    "task=passkey", "pe=nope,rope,alibi", "seed=range(20)", "steps=60", "train_length=10", "batch_size=16",
    "decoder.layers=1", "decoder.dim=32", "decoder.heads=2", "eval.lengths=[5,10,15,20]", "eval.examples=40",
    "trainer.probe_every=30", "trainer.probe_examples=20", "trainer.checkpoint_every=20",
)  # fmt: skip
KILLS = (15, 35)
"""Finished runs at which everything is killed."""
DIFFERING = (
    "seconds", "peak_bytes", "memory_bytes", "train_seconds", "steps_per_second", "tokens_per_second",
    "minutes", "milliseconds", "megabytes",
)  # fmt: skip
"""Columns that differ from time to time."""


def finished(folder: Path) -> int:
    """How many runs are finished."""
    return sum(
        '"status": "finished"' in path.read_text() for path in folder.glob("results/runs/*/*/*/*/run.json")
    )


def say(line: str) -> None:
    """Print a line with the time."""
    print(time.strftime("%H:%M:%S"), line, flush=True)


def started(folder: Path, launcher: str, command: str = "train") -> subprocess.Popen[bytes]:
    """Start the study in a session of its own."""
    words = ["-m", f"launcher={launcher}", *STUDY]
    log = (folder / "log.txt").open("ab")
    return subprocess.Popen(
        [sys.executable, "-m", "lengen", command, *words],
        cwd=folder, stdout=log, stderr=log, start_new_session=True,
    )  # fmt: skip


def kill(process: subprocess.Popen[bytes], folder: Path, launcher: str) -> None:
    """Kill the command and all its jobs, without a chance to write anything."""
    import psutil

    below = psutil.Process(process.pid).children(recursive=True)
    own = [
        each
        for each in psutil.process_iter(["cmdline"])
        if str(folder / "results") in " ".join(each.info["cmdline"] or ())
    ]
    process.kill()
    if launcher == "slurm":
        subprocess.run(["scancel", "--me", "--name=lengen"], check=True)
    for each in (*below, *own):
        with suppress(psutil.Error):
            each.kill()
    process.wait()


def carried_out(folder: Path, launcher: str, kills: tuple[int, ...]) -> None:
    """Carry out the study with a launcher, killing it when so many runs are finished."""
    folder.mkdir(parents=True)
    begun = time.monotonic()
    for most in (*kills, None):
        process = started(folder, launcher)
        while process.poll() is None and (most is None or finished(folder) < most):
            time.sleep(0.2)
        if most is not None:
            assert process.poll() is None, "it ended before it was killed"
            kill(process, folder, launcher)
            say(f"{launcher}: killed with all its jobs at {finished(folder)} finished runs")
    say(
        f"{launcher}: exit code {process.returncode}, {finished(folder)} finished runs, {time.monotonic() - begun:.0f} s in all"
    )
    assert process.returncode == 0
    assert finished(folder) == 60
    subprocess.run(
        [sys.executable, "-m", "lengen", "compare", "out=compared"], cwd=folder, check=True,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip


def tables(folder: Path) -> dict[str, list[list[str]]]:
    """Curves, tables and digests of final parameters below a folder, without the columns that differ."""
    found = {}
    for path in sorted([*folder.glob("results/runs/**/curve.csv"), *folder.glob("compared/*.csv")]):
        with path.open(newline="") as file:
            rows = [*csv.DictReader(file)]
        kept = [name for name in (rows[0] if rows else ()) if not name.startswith(DIFFERING)]
        found[str(path.relative_to(folder))] = [kept, *([row[name] for name in kept] for row in rows)]
    for path in sorted(folder.glob("results/runs/**/run.json")):
        found[str(path.relative_to(folder))] = [[json.loads(path.read_text())["parameters_digest"]]]
    return found


def main() -> int:
    """Carry out the study with each launcher and compare."""
    root = Path(sys.argv[1]).absolute()
    for launcher in sys.argv[2:]:
        carried_out(root / launcher, launcher, () if launcher == "local" else KILLS)
        if launcher != "local":
            here, there = tables(root / "local"), tables(root / launcher)
            differing = [name for name in sorted({*here, *there}) if here.get(name) != there.get(name)]
            say(
                f"{launcher}: {len(here)} curves, tables and digests, {len(differing)} differ from those of local: {differing[:5]}"
            )
            if differing:
                return 1
    return 0


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.exit(main())
