"""Steps and seconds until ID exact match is 0.99, with Muon and with AdamW: four rates each, five seeds at the best of them.

    python scripts/time_to_quality.py [--out results/muon-adamw] [--jobs N]

Rates are chosen for each task, encoding and optimizer on ID exact match, with two seeds that are used for nothing else. Each cell is
printed before it starts, in a stated order; an interrupted study resumes where it stopped, and the tables are of what there is.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from lengen.records.curve import write_csv, write_text
from lengen.statistics.intervals import clopper_pearson

TASKS = ("passkey", "copy", "addition", "sort", "parity")
"""The order of the study; nope and rope of one task, both optimizers, then the next task."""
ENCODINGS = ("nope", "rope")
RATES = {"muon": (0.005, 0.01, 0.02, 0.04), "adamw": (0.002, 0.004, 0.008, 0.016)}
"""Peak learning rates, a factor of two apart. Muon's rate for what is no matrix in a block is a tenth, as in its defaults."""
CHOOSING, SEEDS = (100, 101), (0, 1, 2, 3, 4)
QUALITY, EVERY, STRINGS = 0.99, 25, 256
COMMON = (
    f"trainer.probe_every={EVERY}", f"trainer.probe_examples={STRINGS}", "trainer.keep=none", "trainer.checkpoint_every=250", "eval.lengths=[1x]",
    "eval.examples=100", "trainer.progress=false",
)  # fmt: skip
COLUMNS = (
    "task", "pe", "optimizer", "lr", "purpose", "seed", "steps_to_quality", "seconds_to_quality", "id_exact_match", "id_loss",
    "steps", "train_seconds",
)  # fmt: skip


@dataclass(frozen=True)
class Found:
    """What a run says of its training.

    Args:
        seed: its seed.
        steps_to_quality: steps at the first of two probes in a row with ID exact match of at least `QUALITY`; None if there are none.
        id_exact_match: that of the run, over its trained lengths, in [0, 1].
        id_loss: of the last probe, in nats a token.
        steps: all steps.
        train_seconds: wall time of all steps.
    """

    seed: int
    steps_to_quality: int | None
    id_exact_match: float
    id_loss: float
    steps: int
    train_seconds: float

    @property
    def seconds_to_quality(self) -> float | None:
        """The share of the training time up to there."""
        return (
            None if self.steps_to_quality is None else self.train_seconds * self.steps_to_quality / self.steps
        )

    @property
    def waited(self) -> int:
        """Steps to quality; one probe more than all steps where it is not reached."""
        return self.steps + EVERY if self.steps_to_quality is None else self.steps_to_quality


def found(folder: Path) -> Found:
    """Read a run; its probes are every `EVERY` steps."""
    facts: dict[str, Any] = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    with (folder / "train.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["id_exact_match"]]
    good = [float(row["id_exact_match"]) >= QUALITY for row in rows]
    first = next((index for index in range(len(good) - 1) if good[index] and good[index + 1]), None)
    return Found(
        int(folder.name.removeprefix("seed=")),
        None if first is None else int(rows[first]["step"]),
        float(facts["id_exact_match"]),
        float(rows[-1]["id_loss"]),
        int(rows[-1]["step"]),
        float(facts["train_seconds"]),
    )


@dataclass(frozen=True)
class Cells:
    """The cells of one task, encoding and optimizer: one for each rate.

    Args:
        out: the folder of the study.
        jobs: runs at a time; None is one a core.
    """

    task: str
    pe: str
    optimizer: str
    out: Path
    jobs: int | None

    def train(self, rate: float, seeds: tuple[int, ...]) -> list[Found]:
        """Train what is missing of some seeds at a rate, and read them."""
        place = self.place(rate)
        rest = (f"optimizer.rest_lr={rate / 10:g}",) if self.optimizer == "muon" else ()
        words = (
            "-m", f"task={self.task}", f"pe={self.pe}", f"optimizer={self.optimizer}", f"optimizer.lr={rate:g}", *rest, *COMMON,
            f"seed={','.join(map(str, seeds))}", f"results_dir={place}", *([f"jobs={self.jobs}"] if self.jobs else []),
        )  # fmt: skip
        if len(self.read(rate, seeds)) < len(seeds):
            print(f"$ lengen train {' '.join(words)}", flush=True)
            subprocess.run(
                [sys.executable, "-m", "lengen", "train", *words], check=True, stdout=subprocess.DEVNULL
            )
        return self.read(rate, seeds)

    def place(self, rate: float) -> Path:
        """The folder of the runs at a rate."""
        return self.out / "runs" / f"{self.optimizer}-{rate:g}"

    def read(self, rate: float, seeds: tuple[int, ...]) -> list[Found]:
        """Read the finished runs of some seeds at a rate."""
        folders = (self.place(rate) / self.task / self.pe).glob("*/seed=*")
        known = [path for path in folders if int(path.name.removeprefix("seed=")) in seeds and _over(path)]
        return [found(path) for path in sorted(known)]

    def chosen(self) -> float | None:
        """The rate with the fewest steps to quality over the choosing seeds, ties by ID loss; None if one has not been tried."""
        tried = {rate: self.read(rate, CHOOSING) for rate in RATES[self.optimizer]}
        if any(len(runs) < len(CHOOSING) for runs in tried.values()):
            return None
        return min(
            tried,
            key=lambda rate: (
                float(np.mean([run.waited for run in tried[rate]])),
                float(np.mean([run.id_loss for run in tried[rate]])),
            ),
        )

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield a row for every finished run."""
        for rate in RATES[self.optimizer]:
            for purpose, seeds in (("choosing", CHOOSING), ("reported", SEEDS)):
                for run in self.read(rate, seeds):
                    yield {
                        "task": self.task, "pe": self.pe, "optimizer": self.optimizer, "lr": rate, "purpose": purpose, "seed": run.seed,
                        "steps_to_quality": run.steps_to_quality, "seconds_to_quality": run.seconds_to_quality,
                        "id_exact_match": run.id_exact_match, "id_loss": run.id_loss, "steps": run.steps, "train_seconds": run.train_seconds,
                    }  # fmt: skip


def _over(folder: Path) -> bool:
    path = folder / "run.json"
    return path.is_file() and json.loads(path.read_text(encoding="utf-8")).get("status") == "finished"


def ratio(own: list[Found], other: list[Found]) -> tuple[float, float, float] | None:
    """Return how many times fewer steps the first optimizer needs: the ratio of geometric means, with its 95% bootstrap interval.

    Seeds are drawn with replacement, separately; None where a seed of either does not get there, so that its steps are unknown.
    """
    if any(run.steps_to_quality is None for run in (*own, *other)):
        return None
    logs = [np.log([run.waited for run in runs]) for runs in (own, other)]
    draws = np.random.default_rng(0)
    means = [log[draws.integers(len(log), size=(10_000, len(log)))].mean(1) for log in logs]
    low, high = np.quantile(means[1] - means[0], (0.025, 0.975))
    return float(np.exp(logs[1].mean() - logs[0].mean())), float(np.exp(low)), float(np.exp(high))


def table(cells: dict[tuple[str, str, str], Cells]) -> Iterator[str]:
    """Yield the lines of the table: a row for each task and encoding of which both optimizers are done."""
    yield "| task | pe | lr of Muon, AdamW | reach ID 0.99: Muon, AdamW | steps, median (range): Muon | AdamW | fewer steps with Muon | seconds, median: Muon, AdamW |"
    yield "|---" * 8 + "|"
    for task, pe in product(TASKS, ENCODINGS):
        sides = [cells[task, pe, optimizer] for optimizer in ("muon", "adamw")]
        rates = [side.chosen() for side in sides]
        runs = [side.read(rate, SEEDS) if rate else [] for side, rate in zip(sides, rates, strict=True)]
        if any(len(side) < len(SEEDS) for side in runs):
            continue
        counts = [sum(run.steps_to_quality is not None for run in side) for side in runs]
        shares = [
            f"{count}/{len(SEEDS)} [{low:.2f}, {high:.2f}]"
            for count in counts
            for low, high in [clopper_pearson(count, len(SEEDS))]
        ]
        steps = [_steps(side) for side in runs]
        seconds = [_median([run.seconds_to_quality for run in side]) for side in runs]
        fewer = ratio(*runs)
        times = "—" if fewer is None else f"{fewer[0]:.2f} [{fewer[1]:.2f}, {fewer[2]:.2f}]"
        yield f"| {task} | {pe} | {rates[0]:g}, {rates[1]:g} | {', '.join(shares)} | {' | '.join(steps)} | {times} | {', '.join(seconds)} |"


def _steps(runs: list[Found]) -> str:
    """Return the median steps, with the least and the largest; seeds that do not get there are above all steps."""
    waited = sorted(run.waited for run in runs)
    texts = [f"{step}" if step <= runs[0].steps else f"above {runs[0].steps}" for step in waited]
    return f"{texts[len(texts) // 2]} ({texts[0]} to {texts[-1]})"


def _median(seconds: list[float | None]) -> str:
    known = sorted(math.inf if second is None else second for second in seconds)
    middle = known[len(known) // 2]
    return "—" if math.isinf(middle) else f"{middle:.1f}"


def main() -> int:
    """Run the study, or go on with it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("results/muon-adamw"), help="folder of the study")
    parser.add_argument("--jobs", type=int, help="runs at a time (default one a core)")
    parser.add_argument(
        "--tables", action="store_true", help="write the tables of what there is, and train nothing"
    )
    options = parser.parse_args()
    keys = list(product(TASKS, ENCODINGS, RATES))
    cells = {key: Cells(*key, options.out, options.jobs) for key in keys}
    for side in cells.values():
        if not options.tables:
            for rate in RATES[side.optimizer]:
                side.train(rate, CHOOSING)
            best = side.chosen()
            if best is not None:
                side.train(best, SEEDS)
        options.out.mkdir(parents=True, exist_ok=True)
        write_csv(options.out / "steps.csv", COLUMNS, [row for each in cells.values() for row in each.rows()])
        write_text(options.out / "steps.md", "\n".join(table(cells)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
