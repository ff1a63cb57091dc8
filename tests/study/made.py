"""Run folders and studies as they are left behind, without training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lengen.studies.plan import Grid, PlannedRun, StudyPlan
from lengen.studies.plan_file import text_of


def run(number: int, *, pe: str = "nope", **more: Any) -> PlannedRun:
    """A planned run."""
    return PlannedRun(f"{number:016x}", "copy", pe, f"seed={number}", (f"pe={pe}", f"seed={number}"), **more)


def study(folder: Path, *runs: PlannedRun, name: str = "first") -> Path:
    """The file of a study."""
    path = folder / "results" / "studies" / f"{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    grid = Grid(("task=copy", "pe=nope,rope", "seed=range(9)"), (), ("task=copy",), runs)
    path.write_text(text_of(name, StudyPlan("runs", (grid,))))
    return path


def left(folder: Path, planned: PlannedRun, *, cell: str = "c1", curve: bool = True, **facts: Any) -> Path:
    """The folder of a run."""
    path = folder / "results" / "runs" / planned.task / planned.pe / cell / planned.seed
    path.mkdir(parents=True)
    (path / "run.json").write_text(json.dumps({"record_key": planned.key, **facts}))
    (path / "config.yaml").write_text("seed: 0\nsteps: 100\n")
    if curve:
        (path / "curve.csv").write_text("length\n")
    return path


FINISHED: dict[str, Any] = {
    "status": "finished",
    "id_exact_match": 1.0,
    "trained": True,
    "wall_seconds": 60.0,
}
