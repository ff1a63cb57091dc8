"""This lengen against the commit from which its speed is counted, f7aa24b: training steps of three presets, and a study.

Each side is a command in processes of its own, in turn, with the same options. A step is the CPU seconds of a run less those of a run
with fewer steps, so that starting, sweep and figures are taken out. A study is wall time, all of it: the former lengen trained one run
after another, this one trains as many as there are cores; where the load below is not near 0 there were no cores to use. Where the time
of a step of these presets goes is shown under `peers`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path

from benchmarks import Entry, Setting, Skipped
from benchmarks.models import TOY
from benchmarks.timing import children_cost, ratio
from lengen.launcher.local import cores

COMMIT = "f7aa24b82c69e613e121e9a24a355bd5bd13f5e9"
ENTRY = "import sys; from lengen.cli import main; sys.exit(main())"
"""What ran its commands."""
MARKS = {"passkey": 1.9, "addition": 1.5, "copy": 1.5}
"""How many times faster a step shall be on a CPU, by task."""
STUDY_MARK = 3.0
SIZES = ("tiny", "small")
FEW, MANY = 40, 200
ENCODINGS = ("nope", "rope", "alibi", "t5", "sinusoidal", "learned")
STEPS = ("batch_size=128", "pe=nope", "eval.lengths=[2]", "eval.examples=20", "trainer.progress=false")


@dataclass(frozen=True)
class Side:
    """One of the two.

    Args:
        words: begin its command.
        environment: of its process.
    """

    words: tuple[str, ...]
    environment: Mapping[str, str]

    def cost(self, *words: str) -> tuple[float, float]:
        """Return the wall and the CPU seconds of `lengen train` with some options, in a new folder."""
        with tempfile.TemporaryDirectory() as place:
            command = [*self.words, "train", *words]
            return children_cost(
                partial(
                    subprocess.run,
                    command,
                    cwd=place,
                    check=True,
                    capture_output=True,
                    env=dict(self.environment),
                )
            )

    def steps(self, words: tuple[str, ...], few: int, many: int) -> float:
        """Return the CPU seconds of the steps that a long run has more than a short one."""
        short, long = (self.cost(*words, f"steps={steps}")[1] for steps in (few, many))
        return long - short


def measure(setting: Setting) -> Iterator[Entry]:
    """Yield how many times faster a step and a study are."""
    with tempfile.TemporaryDirectory() as place:
        if not unpack(Path(place)):
            yield Skipped("against f7aa24b", "needs git and the whole history of the repository")
            return
        here = Side((sys.executable, "-m", "lengen"), os.environ)
        path = os.pathsep.join([f"{place}/src", os.environ.get("PYTHONPATH", "")])
        former = Side((sys.executable, "-c", ENTRY), {**os.environ, "PYTHONPATH": path})
        device = f"trainer.accelerator={setting.device}"
        toy = TOY if setting.quick else ()
        few, many = (2, 100) if setting.quick else (FEW, MANY)
        for (task, size), share in setting.sharing([(task, size) for size in SIZES for task in MARKS]):
            words = (f"task={task}", f"decoder={size}", *STEPS, device, *toy)
            spent = [
                (former.steps(words, few, many), here.steps(words, few, many))
                for _ in range(share.rounds_of(3))
            ]
            others, own = zip(*spent, strict=True)
            mark = MARKS[task] if setting.device == "cpu" else None
            yield ratio(
                f"{many - few} steps, {task}, {size}, batch 128", "times faster", others, own, mark=mark
            )
        encodings = ENCODINGS[:1] if setting.quick else ENCODINGS
        words = (
            "-m",
            "task=passkey",
            f"pe={','.join(encodings)}",
            "seed=0",
            "trainer.progress=false",
            device,
            *toy,
        )
        words = (*words, "steps=2") if setting.quick else words
        spent = [(former.cost(*words)[0], here.cost(*words)[0]) for _ in range(setting.rounds or 1)]
        others, own = zip(*spent, strict=True)
        yield ratio(
            f"a study of {len(encodings)} passkey runs on {cores()} cores",
            "times faster",
            others,
            own,
            mark=STUDY_MARK if setting.device == "cpu" else None,
            note="wall time",
        )


def unpack(place: Path) -> bool:
    """Write the files of the commit into a folder; whether they are there."""
    root = Path(__file__).resolve().parents[3]
    try:
        found = subprocess.run(["git", "archive", COMMIT], cwd=root, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return False
    with tarfile.open(fileobj=BytesIO(found.stdout)) as archive:
        archive.extractall(place, filter="data")
    return True
