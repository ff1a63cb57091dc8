"""Training with lengen against a bare loop of the same fast step, in blocks of ten steps in turn.

lengen's side has Lightning, its log, probes, checkpoints and progress; both draw the same batches. The median is over blocks; the ratio
of totals has the probes and the checkpoint at the end, too.
"""

from __future__ import annotations

import cProfile
import pstats
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from lightning.pytorch import LightningModule, Trainer

from benchmarks import Entry, Profile, Setting
from benchmarks.models import experiment, own_loop
from benchmarks.profiling import profiled
from benchmarks.timing import now, ratio, seconds
from lengen.experiment.config import RunConfig
from lengen.logger import Logger
from lengen.records.run_dir import RunFolder
from lengen.training.callback import TrainingCallback
from lengen.training.fit import DecoderModule, fit

MARKS = {32: 0.95, 128: 0.97}
"""Least share of the bare loop's speed that is wanted on a CPU, by batch size."""
TASKS = ("passkey", "addition")
BLOCK, BLOCKS, FEWER = 10, 30, 12
ADDED = {
    "Lightning": ("lightning/", "lightning_utilities/", "torchmetrics/"),
    "log, checkpoints and probes": (
        "lengen/training/callback",
        "lengen/records/",
        "lengen/evaluation/",
        "torch/serialization",
    ),
    "progress bar": ("rich/", "lengen/training/progress"),
}
"""Parts of a module's path, by what it is that a bare loop lacks."""


class Alternating(TrainingCallback):
    """The callback of a run; lets another loop run as many steps after each block of its own."""

    def alternate(self, other: Callable[[], None], block: int, device: str) -> None:
        """Set the other loop and the number of steps per block."""
        self.other, self.block, self.device = other, block, device
        self.own, self.others, self.since = list[float](), list[float](), 0.0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start timing the first block."""
        super().on_train_start(trainer, pl_module)
        self.since = now(self.device)

    def on_train_batch_end(self, trainer: Trainer, *arguments: Any) -> None:
        """Log, probe and save as usual; at the end of a block, let the other loop run."""
        super().on_train_batch_end(trainer, *arguments)
        if trainer.global_step % self.block == 0:
            self.own.append(now(self.device) - self.since)
            self.others.append(seconds(self.device, partial(_block, self.other, self.block)))
            self.since = now(self.device)


def measure(setting: Setting) -> Iterator[Entry]:
    """Yield the share of the bare loop's speed, by task and batch."""
    cells = [(task, batch) for task in TASKS for batch in MARKS]
    for (task, batch), share in setting.sharing(cells):
        blocks = setting.rounds_of(BLOCKS if setting.device == "cpu" else FEWER)
        words = (f"task={task}", "pe=nope", f"batch_size={batch}", "trainer.progress=true")
        run = experiment(share, *words, f"steps={blocks * BLOCK}")
        other = own_loop(run)
        callback = alternating(run, other, setting.device)
        what, unit = f"{task}, batch {batch}", "of the bare loop's speed"
        mark = MARKS[batch] if setting.device == "cpu" else None
        own, others = callback.own[1:], callback.others[1:]  # without the warm-up
        values = {"examples_per_second": run.batch_size * BLOCK * len(own) / sum(own)}
        rest: dict[str, Any] = {"mark": mark, "values": values}
        found = ratio(what, unit, others, own, **rest)
        if found.met is False:
            added = (sum(own) - sum(others)) / len(own) / BLOCK * 1000
            bare = profiled("the bare loop", other, setting.count(20, 1))
            found = ratio(what, unit, others, own, profiles=(bare, additions(run, added)), **rest)
        yield found


def alternating(run: RunConfig, other: Callable[[], None], device: str) -> Alternating:
    """Train a run through lengen in turn with another loop; its callback has the seconds of both."""
    decoder = run.make_decoder()
    with tempfile.TemporaryDirectory() as place:
        folder = RunFolder(Path(place) / "run")
        folder.create("", {})
        intervals, probe = run.trainer.intervals(run.steps), partial(run.probe, decoder)
        callback = Alternating(intervals, folder, Logger(), probe, run.trainer.progress)
        callback.alternate(other, BLOCK, device)
        fit(DecoderModule(decoder, run.optimizer, run.steps, 0), run.stream(), callback, run.trainer, None)
    return callback


def additions(run: RunConfig, milliseconds: float) -> Profile:
    """Return who has added time to a step: the shares of Lightning, the callback and others of what is not in a bare loop.

    Shares of Python's profiler, by the module of a function; what is built in counts for the module that calls it.
    """
    with cProfile.Profile(time.thread_time) as found:
        alternating(run, lambda: None, "cpu")
    sums = dict.fromkeys(ADDED, 0.0)
    for (file, _, _), (_, _, own, _, callers) in pstats.Stats(found).stats.items():  # type: ignore[attr-defined]
        parts = (
            [(caller[0], spent) for caller, (_, _, spent, _) in callers.items()]
            if file == "~"
            else [(file, own)]
        )
        for place, spent in parts:
            kind = next((kind for kind, names in ADDED.items() if any(name in place for name in names)), None)
            if kind:
                sums[kind] += spent
    whole = sum(sums.values())
    return Profile("what lengen adds", milliseconds, {kind: spent / whole for kind, spent in sums.items()})


def _block(step: Callable[[], None], count: int) -> None:
    for _ in range(count):
        step()
