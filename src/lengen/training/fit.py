"""The LightningModule, and Lightning's `fit` without its messages."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from jaxtyping import Bool
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor, optim

from lengen.decoder import Decoder
from lengen.evaluation.metrics import answer_loss, answer_nats, prompts
from lengen.loops import LoopLaw, Passes
from lengen.loops.fixed import Fixed
from lengen.optimizer import OptimizerRule
from lengen.sampling import generator
from lengen.training.batch_stream import BatchStream, Example
from lengen.training.callback import TrainingCallback
from lengen.training.checkpoint import RUN, SafeCheckpoints
from lengen.training.epoch_loop import OneDeviceLoop
from lengen.training.interruption import SIGNALS
from lengen.training.options import TrainerOptions
from lengen.training.ranks import ALONE, Ranks
from lengen.training.strategies import RankEnvironment, shard, strategy


class DecoderModule(LightningModule):
    """A decoder with its loss and optimizer, for Lightning.

    Args:
        decoder: the decoder to train.
        optimizer: the optimizer option.
        steps: number of training steps, for the schedule.
        seed: seed of the dropout masks and auxiliary losses of each step.
        run: cell and seeds of the run, which its checkpoints carry.
        law: how often the stack of blocks is applied.
    """

    def __init__(
        self,
        decoder: Decoder,
        optimizer: OptimizerRule,
        steps: int,
        seed: int,
        run: Mapping[str, str] = MappingProxyType({}),
        law: LoopLaw | None = None,
    ) -> None:
        super().__init__()
        self.run, self.law = run, law or Fixed()
        self.decoder, self.rule, self.steps, self.seed = decoder, optimizer, steps, seed

    def transfer_batch_to_device(self, batch: Example, device: torch.device, dataloader_idx: int) -> Example:
        """Leave a batch that is there already as it is; Lightning would take it apart to look at every tensor."""
        if batch.tokens.device == device:
            return batch
        moved: Example = super().transfer_batch_to_device(batch, device, dataloader_idx)
        return moved

    def configure_model(self) -> None:
        """Divide the parameters over devices, if the strategy does."""
        if self.device_mesh is not None:
            shard(self.decoder, self.device_mesh["data_parallel"])

    def training_step(self, example: Example, _: int) -> Tensor:
        """Loss of one batch or part of it, plus the auxiliary loss of the encoding if it has one."""
        if self.decoder.architecture.dropout:
            torch.manual_seed(generator("dropout", self.seed, self.global_step).initial_seed())
        loss = example_loss(self.decoder, example, self.passes(example), self.law.cost) * example.weight
        auxiliary = self.decoder.pe.auxiliary(generator("auxiliary", self.seed, self.global_step))
        return loss if auxiliary is None else loss + auxiliary

    def passes(self, example: Example) -> Passes | None:
        """How often the stack is applied in this step; one draw a step, the same when the step is repeated."""
        draws = generator("loops", self.seed, self.global_step) if self.law.draws else None
        return self.law.passes(self.decoder.architecture.loops, draws, example.steps)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Write into a checkpoint which run it is of."""
        checkpoint[RUN] = dict(self.run)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Count the passes of earlier steps as if all had been divided as those to come, so that the next begins a step."""
        passes = checkpoint["global_step"] * self.trainer.accumulate_grad_batches
        progress = checkpoint["loops"]["fit_loop"]["epoch_loop.batch_progress"]
        for counts in (progress["total"], progress["current"]):
            counts.update(ready=passes, started=passes, processed=passes, completed=passes - 1)

    def on_train_start(self) -> None:
        """Set the learning rates by the schedule, which has more steps than before where a run goes on with more."""
        self.set_rates(self.trainer.optimizers[0], self.global_step)

    def set_rates(self, optimizer: optim.Optimizer, step: int) -> None:
        """Set the learning rates of a step."""
        factor = self.rule.schedule.factor(step, self.steps)
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"] * factor

    def configure_optimizers(self) -> optim.Optimizer:
        """The optimizer, with the learning rates of the first step."""
        optimizer = self.rule.make(self.decoder)
        for group in optimizer.param_groups:
            group["initial_lr"] = group["lr"]
        self.set_rates(optimizer, 0)
        return optimizer

    def optimizer_step(
        self, epoch: int, batch_idx: int, optimizer: Any, optimizer_closure: Any = None
    ) -> None:
        """Do a step, and set the learning rates of the next; a scheduler of Lightning's would take much longer to do it."""
        optimizer.step(closure=optimizer_closure)
        self.set_rates(self.trainer.optimizers[0], self.global_step + 1)


def example_loss(
    decoder: Decoder, example: Example, passes: Passes | None = None, cost: float = 0.0
) -> Tensor:
    """Cross-entropy over the answers of a batch, in nats per answer token, group by group if there are groups.

    Args:
        decoder: the decoder.
        example: the batch.
        passes: how often the stack is applied; None for `decoder.loops`.
        cost: what a loop of a scored token adds, in nats, where the decoder learns to stop.
    """
    tokens, answer, positions = example.tokens, example.answer, example.positions
    prompt = prompts(answer) if decoder.reads_prompts else None
    if not example.groups:
        asked = {} if passes is None else {"passes": passes}
        loss = answer_loss(decoder(tokens, positions, prompt=prompt, **asked), tokens, answer)
        return loss if passes is None or not cost else loss + cost * _ponder(passes, answer) / answer.sum()
    nats = []
    for rows, first, end in example.groups:
        where = (positions if len(positions) == 1 else positions[rows])[:, :end]
        own = None if passes is None else passes.rows(rows)
        asked = {} if own is None else {"passes": own}
        part = None if prompt is None else prompt[rows]
        logits = decoder(tokens[rows, :end], where, first=first, prompt=part, **asked)
        nats.append(answer_nats(logits, tokens[rows], answer[rows], first))
        if own is not None and cost:
            nats.append(cost * _ponder(own, answer[rows, first:]))
    return torch.stack(nats).sum() / answer.sum()


def _ponder(passes: Passes, answer: Bool[Tensor, "batch wanted"]) -> Tensor:
    """Return what the scored tokens of the last pass cost, in loops.

    Args:
        passes: has noted it for every token whose logits were wanted.
        answer: True on the tokens that are scored, from the first of these on; a token is predicted by the one before it.
    """
    ponder = passes.noted[-1][1]
    scored = answer[:, 1 : ponder.shape[1] + 1]
    return (ponder[:, : scored.shape[1]] * scored).sum()


@dataclass(frozen=True)
class Training:
    """A run that is ready to be trained; see `fit`.

    Args:
        learner: the decoder with its loss and optimizer.
        stream: the training batches, which start at the checkpoint's step.
        journal: logs, probes and saves checkpoints.
        options: device, precision, gradient clipping, and how a batch is divided.
        checkpoint: where to resume from; None starts anew.
        ranks: the processes that train the run together.
    """

    learner: DecoderModule
    stream: BatchStream
    journal: TrainingCallback
    options: TrainerOptions
    checkpoint: Path | None
    ranks: Ranks = ALONE

    def fit(self) -> None:
        """Train, or resume from the checkpoint."""
        fit(self.learner, self.stream, self.journal, self.options, self.checkpoint, self.ranks)


def fit(
    learner: DecoderModule,
    stream: BatchStream,
    journal: TrainingCallback,
    options: TrainerOptions,
    checkpoint: Path | None,
    ranks: Ranks = ALONE,
) -> None:
    """Train, or resume from a checkpoint.

    Args:
        learner: the decoder with its loss and optimizer.
        stream: the training batches, which start at the checkpoint's step.
        journal: logs, probes and saves checkpoints.
        options: device, precision, gradient clipping, and how a batch is divided.
        checkpoint: where to resume from; None starts anew.
        ranks: the processes that train the run together, each of which calls this.

    Raises:
        KeyboardInterrupt: a signal stopped training; Lightning turns it into a SystemExit.
    """
    with quiet():
        trainer = Trainer(
            accelerator="gpu" if options.device.type == "cuda" else options.device.type,
            devices=ranks.count,
            strategy="auto" if ranks.count == 1 else strategy(options, ranks, learner.decoder),
            use_distributed_sampler=False,
            precision="bf16-mixed" if options.bf16 else "32-true",
            max_epochs=-1,
            max_steps=learner.steps,
            gradient_clip_val=options.clip or None,
            accumulate_grad_batches=options.accumulate,
            callbacks=[journal],
            plugins=[SafeCheckpoints(), *([RankEnvironment(ranks)] if ranks.count > 1 else [])],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
        )
        if ranks.count == 1 and options.accumulate == 1:
            trainer.fit_loop.epoch_loop = OneDeviceLoop(trainer)
        # lengen heeds signals itself; Lightning's handler would communicate in the middle of a step
        trainer._signal_connector.register_signal_handlers = lambda: None  # type: ignore[method-assign]  # noqa: SLF001
        try:
            with SIGNALS.deferred():
                trainer.fit(learner, stream, ckpt_path=checkpoint)
        except SystemExit as stopped:
            raise _interruption(stopped) from None
        SIGNALS.stop_if_pending()  # since the last step


@contextmanager
def quiet() -> Iterator[None]:
    """Let Lightning say nothing of what is as it is meant, while the block runs."""
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
        yield


def _interruption(stopped: SystemExit) -> KeyboardInterrupt:
    """What Lightning has turned into a SystemExit."""
    cause = stopped.__cause__ or stopped.__context__
    return cause if isinstance(cause, KeyboardInterrupt) else KeyboardInterrupt()
