"""Options of the trainer: device, precision, training set, logging and checkpoints."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch

from lengen.config.errors import require
from lengen.training.batch_stream import Parts
from lengen.training.callback import LogIntervals

PASS = 100
"""Tokens that take a CPU about as long as the fixed costs of a pass, in the decoders `tiny` and `small`."""
Keep = Literal["last", "best", "all", "none"]


@dataclass(frozen=True)
class TrainerOptions:
    """Options of the trainer: device, precision, training set, logging and checkpoints.

    Args:
        accelerator: device; `auto` is a CUDA GPU if there is one, else the CPU.
        precision: `auto` is bf16 autocast on a CUDA GPU, else float32.
        flex: whether, on CUDA, biases of distances (T5, ALiBi, NAPE, KERPLE, Sandwich) are computed by FlexAttention
            without a mask. Heads need at least 16 channels. Tested against the mask on a CPU; not run on a GPU yet.
        plain: whether everything is computed as a step is written down: all examples padded to one length, and the last block
            for all tokens. Otherwise the padding and what the answers do not need are left out, with the same numbers up to
            rounding.
        threads: number of CPU threads of torch.
        devices: processes that train the run together, each on a GPU, or on CPU threads of its own; each reads a part of
            the batch. `batch_size` stays that of a step, and results differ by rounding alone.
        strategy: with several devices: `ddp` keeps all parameters on each, `fsdp` a part of them on each (FSDP2).
        accumulate: passes of a step, one after another, each over a part of the batch; their gradients are added, so that
            a batch needs less memory. `batch_size` stays that of a step, and results differ by rounding alone.
        clip: maximum norm of the gradient; 0 does not clip.
        examples: size of a fixed training set; null draws new examples at every step.
        deduplicate: whether the prompts of the test set are kept out of training.
        log_every: steps between rows of `train.csv`.
        probe_every: steps between probes of ID and OOD exact match; a probe also writes a row.
        probe_examples: examples per probe, split over its lengths.
        checkpoint_every: steps between checkpoints, from which an interrupted run can be resumed.
        keep: checkpoints that stay when a run is finished: `last`, `best`, `none`, or `all`, which adds one of every
            `checkpoint_every` steps to the last and the best; null keeps the last and the best.
        progress: whether a progress bar is shown.
    """

    revision: ClassVar[int] = 1
    """Raised by every change to what the class computes or draws; part of a cell's identity."""

    accelerator: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    precision: Literal["auto", "float32", "bf16"] = "auto"
    flex: bool = False
    plain: bool = False
    threads: int = 1
    devices: int = 1
    strategy: Literal["ddp", "fsdp"] = "ddp"
    accumulate: int = 1
    clip: float = 1.0
    examples: int | None = None
    deduplicate: bool = False
    log_every: int = 50
    probe_every: int = 250
    probe_examples: int = 256
    checkpoint_every: int = 250
    keep: Keep | None = None
    progress: bool = True

    def __post_init__(self) -> None:
        for name in (
            "threads",
            "devices",
            "accumulate",
            "log_every",
            "probe_every",
            "probe_examples",
            "checkpoint_every",
        ):
            require(getattr(self, name) >= 1, f"trainer.{name}={getattr(self, name)}: must be at least 1")
        require(self.clip >= 0, f"trainer.clip={self.clip}: must be 0 (off) or more")
        require(
            self.examples is None or self.examples >= 1,
            f"trainer.examples={self.examples}: must be null or at least 1",
        )
        absent = {"cuda": not torch.cuda.is_available(), "mps": not torch.backends.mps.is_available()}
        require(
            not absent.get(self.accelerator, False),
            f"trainer.accelerator={self.accelerator}: not available to torch on this machine",
        )

    def check_devices(self) -> None:
        """Refuse more devices than there are; a run that was trained on several may be evaluated on one.

        Raises:
            UsageError: there are not as many.
        """
        kind = self.device.type
        most = torch.cuda.device_count() if kind == "cuda" else 1 if kind == "mps" else self.devices
        require(
            self.devices <= most,
            f"trainer.devices={self.devices}: must be at most {most}, the GPUs of this machine",
        )

    @property
    def device(self) -> torch.device:
        """The torch device of the accelerator."""
        if self.accelerator == "auto":
            return torch.device("cuda" if torch.cuda.is_available() else "cpu")
        return torch.device(self.accelerator)

    def parts(self, rank: int = 0) -> Parts:
        """How a batch is divided; the parts that the process of some rank reads."""
        return Parts(self.accumulate, self.devices, rank)

    @property
    def merge(self) -> float | None:
        """Padded tokens that cost less than one more pass over a group of equally long examples; None does not divide a step.

        On a GPU, and where each device has a part of the parameters, all examples of a step are one group.
        """
        if self.plain:
            return None
        return math.inf if self.sharded or self.device.type != "cpu" else PASS

    @property
    def sharded(self) -> bool:
        """Whether each device has a part of the parameters."""
        return self.devices > 1 and self.strategy == "fsdp"

    @property
    def division(self) -> str:
        """The options that divide a batch."""
        used = {"devices": self.devices, "accumulate": self.accumulate}
        return ", ".join(f"trainer.{name}={count}" for name, count in used.items() if count > 1)

    def intervals(self, steps: int) -> LogIntervals:
        """The intervals of logging, probes and checkpoints in a run of `steps`."""
        return LogIntervals(
            self.log_every, self.probe_every, self.checkpoint_every, steps, keep_all=self.keep == "all"
        )

    @property
    def bf16(self) -> bool:
        """Whether the forward pass of training runs under bf16 autocast."""
        return self.precision == "bf16" or (self.precision == "auto" and self.device.type == "cuda")
