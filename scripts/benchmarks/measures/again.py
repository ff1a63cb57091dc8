"""A run that follows another in one process, beside its training steps: composing, folders, sweep, figure and files.

CPU seconds of a study of eight such runs less those of one; the training steps are taken out by running both with twice as many. A
sweep has 2 lengths x 20 examples.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import partial

from benchmarks import Entry, Setting
from benchmarks.models import TOY
from benchmarks.timing import children_cost, figure

WORDS = ("task=copy", "eval.lengths=[5,10]", "eval.examples=20", "jobs=1", "trainer.progress=false")
STEPS = 20


def measure(setting: Setting) -> Iterator[Entry]:
    """Yield the CPU seconds of a run beside its training."""
    runs, found = setting.count(8, 3), []
    for _ in range(setting.rounds_of(3)):
        short, long = (further(setting, runs, steps) for steps in (STEPS, 2 * STEPS))
        found.append(2 * short - long)
    yield figure("a further run", "CPU seconds", found)


def further(setting: Setting, runs: int, steps: int) -> float:
    """Return the CPU seconds of a further run in a study, with its training."""
    return (study(setting, runs, steps) - study(setting, 1, steps)) / (runs - 1)


def study(setting: Setting, runs: int, steps: int) -> float:
    """Carry out a study; its CPU seconds."""
    size = TOY if setting.quick else ()
    words = [*WORDS, *size, f"steps={steps}", f"seed=range({runs})", f"trainer.accelerator={setting.device}"]
    command = [sys.executable, "-m", "lengen", "train", "-m", *words]
    with tempfile.TemporaryDirectory() as place:
        work = partial(subprocess.run, command, cwd=place, check=True, capture_output=True)
        return children_cost(work)[1]
