"""Training: how it is carried out, the LightningModule, and Lightning's fit without its talk."""

from __future__ import annotations

import logging
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor, optim
from torch.utils.data import DataLoader

from lengen.config.errors import require
from lengen.decoder import Decoder
from lengen.evaluation.metrics import answer_loss
from lengen.optimizer import OptimizerRule
from lengen.training.batch_stream import Example, Stream, generator
from lengen.training.callback import Journal, Rhythm
from lengen.training.checkpoint import SafeCheckpoints


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

    def rhythm(self, steps: int) -> Rhythm:
        """How often what is noted, in a run of so many steps."""
        return Rhythm(self.log_every, self.probe_every, self.checkpoint_every, steps)

    @property
    def bf16(self) -> bool:
        """Whether the forward pass of training runs under bf16 autocast."""
        return self.precision == "bf16" or (self.precision == "auto" and self.device.type == "cuda")


class Learner(LightningModule):
    """A decoder that learns from a stream of examples.

    Args:
        decoder: what learns.
        optimizer: how.
        steps: length of the run, for the schedule.
        seed: keys the dropout masks by step.
    """

    def __init__(self, decoder: Decoder, optimizer: OptimizerRule, steps: int, seed: int) -> None:
        super().__init__()
        self.decoder, self.rule, self.steps, self.seed = decoder, optimizer, steps, seed

    def training_step(self, example: Example, _: int) -> Tensor:
        """Loss of one batch."""
        if self.decoder.architecture.dropout:
            torch.manual_seed(generator("dropout", self.seed, self.global_step).initial_seed())
        loss = answer_loss(self.decoder(example.tokens, example.positions), example.tokens, example.answer)
        own = self.decoder.pe.auxiliary(generator("auxiliary", self.seed, self.global_step))
        return loss if own is None else loss + own

    def configure_optimizers(self) -> Any:
        """The optimizer under its schedule."""
        optimizer = self.rule.make(self.decoder)
        schedule = optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: self.rule.schedule.factor(step, self.steps)
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def fit(
    learner: Learner, stream: Stream, journal: Journal, options: TrainerOptions, checkpoint: Path | None
) -> None:
    """Train, from a checkpoint if there is one.

    Raises:
        KeyboardInterrupt: a signal stopped it; Lightning makes a SystemExit of that.
    """
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    with warnings.catch_warnings():
        for text in (
            "does not have many workers",
            "srun",
            "isinstance.treespec",
            "GPU available but not used",
            "The .grad attribute of a Tensor that is not a leaf",  # of a table that FlexAttention looks up
        ):
            warnings.filterwarnings("ignore", message=f".*{text}.*")
        trainer = Trainer(
            accelerator="gpu" if options.device.type == "cuda" else options.device.type,
            devices=1,
            precision="bf16-mixed" if options.bf16 else "32-true",
            max_epochs=-1,
            max_steps=learner.steps,
            gradient_clip_val=options.clip or None,
            callbacks=[journal],
            plugins=[SafeCheckpoints()],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
        )
        try:
            trainer.fit(learner, DataLoader(stream, batch_size=None), ckpt_path=checkpoint)
        except SystemExit:
            raise KeyboardInterrupt from None
