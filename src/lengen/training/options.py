"""How a run is carried out, as far as it is not what is learned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch

from lengen.config.errors import require
from lengen.training.callback import LogIntervals


@dataclass(frozen=True)
class TrainerOptions:
    """How a run is carried out, as far as it is not what is learned.

    Args:
        accelerator: `auto` takes a CUDA GPU where there is one.
        precision: `auto` is bf16 autocast on a GPU, float32 on a CPU.
        flex: whether, on CUDA, biases by distance (T5, ALiBi, NAPE, KERPLE, Sandwich) are looked up by FlexAttention
            and no mask is made of them. Heads have 16 channels or more. Tested against the mask on a CPU; it was not
            run on a GPU yet.
        threads: CPU threads of torch.
        clip: largest norm of the gradient; 0 does not clip.
        examples: size of a fixed training set; null draws fresh examples at every step.
        deduplicate: whether strings that the sweep asks are kept out of training.
        log_every: steps between rows of `train.csv`.
        probe_every: steps between probes of ID and OOD exact match; a probe also writes a row.
        probe_examples: examples of each probe, shared out over its lengths.
        checkpoint_every: steps between checkpoints from which a killed run goes on.
        progress: whether a progress bar is shown.
    """

    revision: ClassVar[int] = 1
    """Goes up in the change that alters what the class computes or draws; a part of every cell's identity."""

    accelerator: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    precision: Literal["auto", "float32", "bf16"] = "auto"
    flex: bool = False
    threads: int = 1
    clip: float = 1.0
    examples: int | None = None
    deduplicate: bool = False
    log_every: int = 50
    probe_every: int = 250
    probe_examples: int = 256
    checkpoint_every: int = 250
    progress: bool = True

    def __post_init__(self) -> None:
        for name in ("threads", "log_every", "probe_every", "probe_examples", "checkpoint_every"):
            require(getattr(self, name) >= 1, f"trainer.{name}={getattr(self, name)}: allowed is 1 or more")
        require(self.clip >= 0, f"trainer.clip={self.clip}: allowed is 0 (off) or more")
        require(
            self.examples is None or self.examples >= 1,
            f"trainer.examples={self.examples}: allowed is null, or 1 or more",
        )
        absent = {"cuda": not torch.cuda.is_available(), "mps": not torch.backends.mps.is_available()}
        require(
            not absent.get(self.accelerator, False),
            f"trainer.accelerator={self.accelerator}: this machine has none that torch can use",
        )

    @property
    def device(self) -> torch.device:
        """The device that the accelerator stands for."""
        if self.accelerator == "auto":
            return torch.device("cuda" if torch.cuda.is_available() else "cpu")
        return torch.device(self.accelerator)

    def intervals(self, steps: int) -> LogIntervals:
        """How often what is noted, in a run of so many steps."""
        return LogIntervals(self.log_every, self.probe_every, self.checkpoint_every, steps)

    @property
    def bf16(self) -> bool:
        """Whether the forward pass of training runs under bf16 autocast."""
        return self.precision == "bf16" or (self.precision == "auto" and self.device.type == "cuda")
