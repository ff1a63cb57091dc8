"""`lengen status` on a study of 5,000 copies of a real run, some of them unfinished.

CPU seconds of the command, and its wall time.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from itertools import product
from pathlib import Path

from benchmarks import Entry, Setting
from benchmarks.timing import children_cost, figure
from lengen.studies.plan import Grid, PlannedRun, StudyPlan
from lengen.studies.plan_file import update_plan

WORDS = ("task=copy", "steps=2", "decoder.layers=1", "decoder.dim=16", "trainer.progress=false", "trainer.log_every=1")  # fmt: skip
ENCODINGS, SEEDS = 50, 100


def measure(setting: Setting) -> Iterator[Entry]:
    """Yield the CPU seconds of the command, with and without the name of the study."""
    command = [sys.executable, "-m", "lengen"]
    with tempfile.TemporaryDirectory() as place:
        subprocess.run([*command, "train", *WORDS], cwd=place, check=True, capture_output=True)
        count = copies(Path(place), setting.count(ENCODINGS), setting.count(SEEDS, 4))
        for arguments in (["first"], []):
            work = partial(
                subprocess.run, [*command, "status", *arguments], cwd=place, check=False, capture_output=True
            )
            costs = [children_cost(work) for _ in range(1 if setting.quick else setting.rounds_of(3))]
            values = {"wall_s": min(wall for wall, _ in costs)}
            what = " ".join(["lengen status", *arguments])
            yield figure(
                f"{what}, {count:,} runs", "CPU seconds", [spent for _, spent in costs], values=values
            )


def copies(place: Path, encodings: int, seeds: int) -> int:
    """Copy a run to those of a study: of each encoding's, some interrupted, failed, missing; how many are planned."""
    (run,) = place.glob("results/runs/copy/*/*/seed=0")
    facts, runs = json.loads((run / "run.json").read_text()), list[PlannedRun]()
    for encoding, seed in product(range(encodings), range(seeds)):
        name, key = f"pe{encoding}", f"{encoding * seeds + seed:016x}"
        runs.append(PlannedRun(key, "copy", name, f"seed={seed}", (f"pe={name}", f"seed={seed}")))
        folder = place / "results" / "runs" / "copy" / name / "c0" / f"seed={seed}"
        status = {1: "running", 2: "failed"}.get(seed % 20, "finished")
        if seed % 20:  # else it is missing
            folder.mkdir(parents=True)
            (folder / "run.json").write_text(json.dumps({**facts, "record_key": key, "status": status}))
            for file in ("config.yaml", "train.csv", "curve.csv"):
                shutil.copy(run / file, folder)
    plan = StudyPlan("runs", (Grid(tuple(WORDS), (), tuple(WORDS), tuple(runs)),))
    update_plan(place / "results" / "studies" / "first.yaml", lambda _: plan)
    return len(runs)
