"""What happens during training besides training: `train.csv`, probes, checkpoints, the progress bar."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol, runtime_checkable

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor

from lengen.logger import Logger
from lengen.records.curve import write_csv
from lengen.records.run_dir import RunFolder
from lengen.statistics.formats import floored
from lengen.training.batch_stream import Example
from lengen.training.interruption import SIGNALS, Signals
from lengen.training.progress import progress_bar, reported_to
from lengen.training.ranks import ALONE, Ranks

TRAIN_COLUMNS = (
    "step",
    "loss",
    "lr",
    "tokens_per_second",
    "id_exact_match",
    "id_loss",
    "ood_exact_match",
    "ood_loss",
)


class DivergedError(RuntimeError):
    """The loss is not finite."""


@dataclass(frozen=True)
class LogIntervals:
    """Steps between rows of `train.csv`, between probes and between checkpoints, and the number of steps of the run.

    `keep_all` says whether every checkpoint stays.
    """

    log: int
    probe: int
    checkpoint: int
    steps: int
    keep_all: bool = False


@dataclass
class Stopwatch:
    """Seconds of training, summed over interruptions; `share` is the part of this time that is the run's own."""

    before: float = 0.0
    started: float = 0.0
    share: float = 1.0

    @property
    def seconds(self) -> float:
        """Seconds so far."""
        return self.before + (self.share * (time.perf_counter() - self.started) if self.started else 0.0)


@runtime_checkable
class Trains(Protocol):
    """What trains a run, as far as its journal asks: Lightning's trainer, or a stack of runs."""

    accumulate_grad_batches: int

    @property
    def global_step(self) -> int:
        """Steps so far."""

    @property
    def optimizers(self) -> list[Any]:
        """The optimizer, whose learning rates are those of the run."""

    def save_checkpoint(self, filepath: Any, weights_only: bool = False) -> None:
        """Write a checkpoint of the run."""


def training_bar(text: str, shown: bool) -> Progress:
    """A bar of training steps, with a text that has fields."""
    return progress_bar(
        TextColumn("step"),
        MofNCompleteColumn(),
        BarColumn(),
        TextColumn(text),
        TimeRemainingColumn(),
        refresh_per_second=2,  # drawing the bar slows training down
        shown=shown,
    )


class TrainingCallback(Callback):
    """Writes `train.csv`, probes, checkpoints and the progress bar; stops a run that diverges.

    Args:
        intervals: steps between rows, probes and checkpoints.
        folder: folder of the run.
        logger: receives the same numbers as `train.csv`.
        probe: measures ID and OOD exact match and loss.
        progress: whether the progress bar is shown.
        ranks: the processes that train the run; the first of them writes.
    """

    STATE: ClassVar[str] = "Journal"
    """Name of its state in checkpoints; it must not change, or old runs cannot be resumed."""
    AT_ONCE: ClassVar[tuple[str, ...]] = ("cpu",)
    """Devices whose losses are read at every step, since that waits for nothing."""

    def __init__(
        self,
        intervals: LogIntervals,
        folder: RunFolder,
        logger: Logger,
        probe: Callable[[], Mapping[str, float]],
        progress: bool,
        ranks: Ranks = ALONE,
    ) -> None:
        self.ranks = ranks
        self.intervals, self.folder, self.logger, self.probe = intervals, folder, logger, probe
        self.rows: list[dict[str, float | None]] = []
        self.clock = Stopwatch()
        self.tokens = 0
        self.largest_position = 0.0
        self.parts = list[tuple[Tensor, int, float]]()  # loss, tokens, largest position of those of this step
        self.unread = list[
            tuple[int, Tensor]
        ]()  # steps, and losses of their parts, that are still on the device
        self.best_score: list[float] = []
        self.signals = SIGNALS
        self.waited = 0.0  # seconds for other runs of a stack
        self.bar = training_bar("loss {task.fields[loss]}  ID exact match {task.fields[id]}", progress)

    def one_of(self, count: int, signals: Signals) -> None:
        """Become that of one of several runs that are trained together: without a bar, and with a part of the time.

        Args:
            count: number of the runs.
            signals: in the place of those of the process, which are for all of the runs.
        """
        self.signals, self.clock.share = signals, 1 / count
        with reported_to(None):
            self.bar = training_bar("", shown=False)

    @property
    def state_key(self) -> str:
        """See `STATE`."""
        return self.STATE

    def state_dict(self) -> dict[str, Any]:
        """State to resume from, as plain values."""
        return {
            "rows": self.rows,
            "seconds": self.clock.seconds,
            "tokens": self.tokens,
            "largest_position": self.largest_position,
            "best_score": self.best_score,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the state."""
        self.rows, self.tokens = list(state_dict["rows"]), state_dict["tokens"]
        self.largest_position, self.best_score = state_dict["largest_position"], state_dict["best_score"]
        self.clock.before = state_dict["seconds"]

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """See `begin`."""
        self.begin(trainer)

    def begin(self, trainer: Trains) -> None:
        """Start the clock and the bar."""
        self.clock.started = time.perf_counter()
        self.bar.start()
        last_probe = next(
            (row["id_exact_match"] for row in reversed(self.rows) if row.get("id_exact_match") is not None),
            None,
        )
        self.line = self.bar.add_task(
            "",
            total=self.intervals.steps,
            completed=trainer.global_step,
            loss=f"{self.rows[-1]['loss']:.4f}" if self.rows else "-",
            id="-" if last_probe is None else floored(last_probe),
        )

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Example,
        batch_idx: int,
    ) -> None:
        """See `note`."""
        self.note(trainer, outputs["loss"].detach(), batch)

    def note(self, trainer: Trains, loss: Tensor, batch: Example) -> None:
        """Count tokens; after every step, log, probe and save if the step is due.

        Losses on a device are read where something is due, so that the device is not waited for in between.

        Args:
            trainer: trains the run.
            loss: of a batch or a part of it.
            batch: this batch, or part of it.

        Raises:
            DivergedError: the loss is not finite.
        """
        step = trainer.global_step
        self.parts.append((loss, batch.tokens.numel(), batch.largest))
        if len(self.parts) < trainer.accumulate_grad_batches:
            return
        losses, tokens, positions = zip(*self.parts, strict=True)
        self.parts.clear()
        self.unread.append((step, torch.stack(losses)))
        last = step == self.intervals.steps
        logs = last or step % self.intervals.log == 0
        probes = last or step % self.intervals.probe == 0
        due = last or step % self.intervals.checkpoint == 0
        waits = losses[0].device.type not in self.AT_ONCE and self.ranks.count == 1
        if waits and not (logs or probes or due or self.signals.pending):
            self.tokens += sum(tokens)
            self.largest_position = max(self.largest_position, *positions)
            self.bar.update(self.line, completed=step)
            return
        every = self.ranks.gather(
            [self._read_losses(), sum(tokens), max(positions), self.signals.pending is not None]
        )
        mean = sum(each[0] for each in every) / len(every)
        self.tokens += int(sum(each[1] for each in every))
        self.largest_position = max(self.largest_position, *(each[2] for each in every))
        stopped = bool(every[0][3])  # as all processes know; one alone heeds later signals, too
        if not math.isfinite(mean):
            raise DivergedError(f"the loss is {mean} at step {step}")
        self.bar.update(self.line, completed=step, loss=f"{mean:.4f}")
        if logs or probes:
            self._write(step, mean, trainer, probes=probes)
        alone = self.ranks.count == 1
        if due or stopped or (alone and self.signals.pending):
            self._save(trainer)
        if due and self.intervals.keep_all and self.ranks.first:
            self.folder.keep(step)
        if stopped or alone:
            self.signals.stop_if_pending()
        if stopped and not alone:
            raise KeyboardInterrupt  # the signal has reached the first process alone

    def _read_losses(self) -> float:
        """Return the loss of this step, after those of the steps before that were left on the device, all in one transfer.

        Raises:
            DivergedError: one of those before is not finite.
        """
        steps, losses = zip(*self.unread, strict=True)
        self.unread.clear()
        read = [
            sum(parts) for parts in torch.stack(losses).tolist()
        ]  # which Lightning has divided by their number
        for step, loss in zip(steps[:-1], read, strict=False):
            if not math.isfinite(loss):
                raise DivergedError(f"the loss is {loss} at step {step}")
        return float(read[-1])

    def _save(self, trainer: Trains) -> None:
        """Write the last checkpoint; the one before stays until the run is finished."""
        last, previous = self.folder.last, self.folder.previous
        if last.exists() and self.ranks.first:
            previous.unlink(missing_ok=True)
            with suppress(OSError):  # a file system without hard links keeps the last one only
                previous.hardlink_to(last)
        trainer.save_checkpoint(self.folder.last)

    def _write(self, step: int, loss: float, trainer: Trains, *, probes: bool) -> None:
        """Write one row of `train.csv`, with a probe if one is due."""
        lr = trainer.optimizers[0].param_groups[0]["lr"]
        row: dict[str, float | None] = {"step": step, "loss": loss, "lr": lr}
        row["tokens_per_second"] = round(self.tokens / max(self.clock.seconds, 1e-9), 1)
        if probes:
            probed = self.probe()
            measured = dict(zip(probed, self.ranks.gather([*probed.values()])[0], strict=True))
            row.update(measured)
            self.bar.update(self.line, id=floored(measured["id_exact_match"]))
            score = [measured["id_exact_match"], -measured["id_loss"]]
            if score > self.best_score:
                self.best_score = score
                trainer.save_checkpoint(self.folder.best, weights_only=True)
        self.rows.append(row)
        if not self.ranks.first:
            return
        write_csv(self.folder.training, TRAIN_COLUMNS, self.rows)
        scalars = {name: value for name, value in row.items() if name != "step" and value is not None}
        kinds = {name: "probe" if name.startswith(("id_", "ood_")) else "train" for name in scalars}
        self.logger.scalars(step, {f"{kinds[name]}/{name}": value for name, value in scalars.items()})

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """See `end`."""
        self.end()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """See `end`."""
        self.end()

    def end(self) -> None:
        """Stop the clock and the bar, and restore the terminal."""
        self.bar.stop()
        self.clock = replace(self.clock, before=self.clock.seconds, started=0.0)
