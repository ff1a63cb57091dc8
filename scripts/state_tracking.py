"""State tracking and recall with twelve mixers of equal size: trained on lengths to 40, asked to 500, beside what theory says.

    python scripts/state_tracking.py [--out results/runs/state-tracking] [--jobs N]

The rate of a mixer on a task is chosen on ID exact match, with a seed that is used for nothing else; then six seeds are trained at it. Tasks
come in a stated order. On every task, mixers that were trained with the choosing seed (ID exact match of at least 0.99) come first; the others
come after the last task. Each command is printed before it starts; an interrupted study resumes where it stopped.
"""

from __future__ import annotations

import argparse
import csv
import json
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import yaml

from lengen.records.curve import write_csv

TASKS = (
    "parity task.scratchpad=none",
    "cycle_navigation task.scratchpad=none",
    "even_pairs",
    "flip_flop",
    "d4 task.scratchpad=none",
    "a5 task.scratchpad=none",
    "dyck task.kinds=1",
    "modular_arithmetic",
    "associative_recall task.keys=600",
    "copy",
)
"""Tasks with the options by which theory says something of them, the most telling ones first."""
MIXERS = {
    "gru": "mixer=gru decoder.hidden=4",
    "mamba2": "mixer=mamba2 decoder.hidden=4",
    "mamba2-signed": "mixer=mamba2 mixer.negative_eigenvalues=true decoder.hidden=4",
    "deltanet": "mixer=deltanet decoder.hidden=5",
    "deltanet-signed": "mixer=deltanet mixer.negative_eigenvalues=true decoder.hidden=5",
    "attention": "mixer=attention decoder.hidden=5",
    "mamba3": "mixer=mamba3 decoder.hidden=4",
    "deltaproduct": "mixer=deltaproduct decoder.hidden=4",
    "lstm": "mixer=lstm decoder.hidden=3",
    "mingru": "mixer=mingru decoder.hidden=6",
    "gla": "mixer=gla decoder.hidden=5",
    "s4d": "mixer=s4d decoder.hidden=5",
}
"""Mixers in their order, with a width of the feed-forward layers that brings all to 116,000 to 128,000 parameters."""
RATES = (0.002, 0.006)
CHOOSING, SEEDS = 100, range(6)
TRAINED = 0.99
COMMON = (
    "decoder=tiny", "train_length=40", "steps=1500", "batch_size=32", "eval.lengths=[40,60,80,160,500]", "eval.examples=200",
    "optimizer=adamw", "trainer.keep=none", "trainer.progress=false",
)  # fmt: skip


class Choice(NamedTuple):
    """What the choosing seed got at a rate; the largest is chosen: by ID exact match, ties by ID loss."""

    exact_match: float
    minus_loss: float
    rate: float


@dataclass(frozen=True)
class Study:
    """The study in one folder.

    Args:
        out: its folder.
        jobs: runs at a time; None is one a core.
    """

    out: Path
    jobs: int | None

    def train(self, where: str, task: str, mixer: str, rates: str, seeds: str) -> None:
        """Train runs in a folder of the study; finished ones are not repeated."""
        words = (
            *shlex.split(f"task={task} {MIXERS[mixer]}"),
            f"optimizer.lr={rates}",
            f"seed={seeds}",
            *COMMON,
        )
        lengen(
            "train",
            "-m",
            *words,
            f"results_dir={self.out / where}",
            *([f"jobs={self.jobs}"] if self.jobs else []),
        )

    def choose(self, task: str, mixer: str) -> Choice | None:
        """Train a mixer at every rate with the choosing seed, and return the best; None where training diverged at every rate."""
        self.train(f"choosing/{mixer}", task, mixer, ",".join(map(str, RATES)), str(CHOOSING))
        return max(self.tried(task, mixer), default=None)

    def tried(self, task: str, mixer: str) -> list[Choice]:
        """Read what the choosing seed got at each rate at which it is finished."""
        found = []
        for folder in (self.out / "choosing" / mixer / named(task)).glob(f"*/*/seed={CHOOSING}"):
            facts = json.loads((folder / "run.json").read_text(encoding="utf-8"))
            if facts["status"] == "finished":
                with (folder / "train.csv").open(encoding="utf-8", newline="") as file:
                    loss = [float(row["id_loss"]) for row in csv.DictReader(file) if row["id_loss"]][-1]
                config = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
                found.append(Choice(facts["id_exact_match"], -loss, float(config["optimizer"]["lr"])))
        return sorted(found, key=lambda choice: choice.rate)

    def measure(self, task: str, mixer: str, choice: Choice | None) -> None:
        """Train six seeds at the rate that was chosen."""
        if choice:
            self.train("runs", task, mixer, str(choice.rate), ",".join(map(str, SEEDS)))

    def write(self) -> None:
        """Write what the choosing seed got, and compare the six seeds, with what theory says beside what was seen."""
        rows = [
            {"task": named(task), "mixer": mixer, "lr": rate, "id_exact_match": share, "id_loss": -minus}
            for task in TASKS
            for mixer in MIXERS
            for share, minus, rate in self.tried(task, mixer)
        ]
        self.out.mkdir(parents=True, exist_ok=True)
        write_csv(self.out / "choosing.csv", ("task", "mixer", "lr", "id_exact_match", "id_loss"), rows)
        if any((self.out / "runs").glob("*/*/*/seed=*/curve.csv")):
            words = ("by=mixer,mixer.negative_eigenvalues", "title=State tracking", "at=4x")
            lengen("compare", f"runs={self.out / 'runs'}", f"out={self.out}", *words)


def named(task: str) -> str:
    """Return the name of a task without its options."""
    return task.split(maxsplit=1)[0]


def main() -> int:
    """Run the study, or go on with it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--out", type=Path, default=Path("results/runs/state-tracking"), help="folder of the study"
    )
    parser.add_argument("--jobs", type=int, help="runs at a time (default one a core)")
    parser.add_argument(
        "--tables", action="store_true", help="write the tables of what there is, and train nothing"
    )
    options = parser.parse_args()
    study = Study(options.out, options.jobs)
    if options.tables:
        study.write()
        return 0
    later = []
    for task in TASKS:
        for mixer in MIXERS:
            choice = study.choose(task, mixer)
            if choice and choice.exact_match >= TRAINED:
                study.measure(task, mixer, choice)
            else:
                later.append((task, mixer, choice))
        study.write()
    for cell in later:
        study.measure(*cell)
    study.write()
    return 0


def lengen(*words: str) -> None:
    """Run a command of lengen in a separate process; a run that fails says so there, and the study goes on."""
    print(f"$ lengen {shlex.join(words)}", flush=True)
    subprocess.run([sys.executable, "-m", "lengen", *words], check=False, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    sys.exit(main())
