"""A study of eight runs on all cores against the same study one run after another, with equal curves.

Wall time of the whole command, starting and the table included. Other work on the machine counts against it: where the load below is
not near 0 there were no cores to use, and the ratio says nothing of lengen.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks import Entry, Failed, Setting
from benchmarks.models import TOY
from benchmarks.timing import ratio
from lengen.launcher.local import cores
from lengen.records.curve import Curve

WORDS = ("task=copy", "pe=nope,rope", "seed=0,1,2,3", "decoder=tiny", "trainer.progress=false")
TOY_WORDS = ("task=copy", "pe=nope,rope", "seed=0", *TOY, "trainer.progress=false")
STEPS, RUNS = 200, 8


def measure(setting: Setting) -> Iterator[Entry]:
    """Yield how many times faster all cores are; fails if a curve differs."""
    spent: dict[int, list[float]] = {1: [], 0: []}
    for _ in range(setting.rounds_of(3) if not setting.quick else 1):
        curves = []
        for alone, seconds in spent.items():
            taken, found = study(setting, 1 if alone else max(2, cores()))
            seconds.append(taken)
            curves.append(found)
        if curves[0] != curves[1]:
            yield Failed("eight runs", "their curves differ")
            return
    yield ratio(
        f"{setting.count(RUNS)} runs on {cores()} cores",
        "times faster",
        spent[1],
        spent[0],
        note="wall time; curves are equal",
    )


def study(setting: Setting, jobs: int) -> tuple[float, list[list[Any]]]:
    """Run the study; its seconds and its curves without their costs."""
    words = TOY_WORDS if setting.quick else WORDS
    with tempfile.TemporaryDirectory() as place:
        words = (*words, f"steps={setting.count(STEPS)}", f"jobs={jobs}", f"results_dir={place}/runs")
        command = [
            sys.executable,
            "-m",
            "lengen",
            "train",
            "-m",
            *words,
            f"trainer.accelerator={setting.device}",
        ]
        started = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True, cwd=place)
        seconds = time.perf_counter() - started
        found = [without_cost(path) for path in sorted(Path(place).rglob("curve.csv"))]
    if len(found) != setting.count(RUNS):
        raise RuntimeError(f"{len(found)} curves of {setting.count(RUNS)} runs")
    return seconds, found


def without_cost(path: Path) -> list[Any]:
    """Return the rows of a curve without the columns that differ from one run to the next: seconds and memory."""
    return [replace(row, seconds=0.0, peak_bytes=0, memory_bytes=0) for row in Curve.load(path).rows]
