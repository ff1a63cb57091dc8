"""A run that follows another in one process, beside its training steps: composing, folders, sweep, figure and files.

A sweep of 2 lengths x 20 examples. Wall seconds of a study of eight such runs, less those of one, less the seconds in training.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks import Entry, Setting
from benchmarks.models import TOY
from benchmarks.timing import figure

WORDS = (
    "task=copy",
    "steps=20",
    "eval.lengths=[5,10]",
    "eval.examples=20",
    "jobs=1",
    "trainer.progress=false",
)


def measure(setting: Setting) -> Iterator[Entry]:
    """Yield the seconds of a run beside its training."""
    runs, found = setting.count(8, 3), []
    for _ in range(setting.rounds_of(5)):
        (one, trained_one), (all_, trained) = (study(setting, count) for count in (1, runs))
        found.append((all_ - one - (trained - trained_one)) / (runs - 1))
    yield figure("a further run", "s", found)


def study(setting: Setting, runs: int) -> tuple[float, float]:
    """Carry out a study; its seconds, and those that its runs trained."""
    words = [
        *WORDS,
        *(TOY if setting.quick else ()),
        f"seed=range({runs})",
        f"trainer.accelerator={setting.device}",
    ]
    with tempfile.TemporaryDirectory() as place:
        started = time.perf_counter()
        command = [sys.executable, "-m", "lengen", "train", "-m", *words]
        subprocess.run(command, cwd=place, check=True, capture_output=True)
        seconds = time.perf_counter() - started
        facts = [json.loads(path.read_text()) for path in Path(place).rglob("run.json")]
    return seconds, sum(float(each["train_seconds"]) for each in facts)
