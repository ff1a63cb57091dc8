"""Several runs that differ in their seeds, trained as one model: their parameters are stacked, and one pass trains all of them.

It does what `fit` does for each of them. A GPU spends most of a step of a small decoder on starting its operations; here
each operation is that of all runs. `torch.func` makes the stack (`stack_module_state`, `functional_call`, `vmap`).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from typing import Any, cast

import torch
from jaxtyping import Bool, Float, Int, Real
from lightning.pytorch import Trainer
from torch import Tensor, nn, optim
from torch.func import functional_call, stack_module_state
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import pad

from lengen.decoder import Decoder
from lengen.evaluation.metrics import answer_nats, prompts, read_columns
from lengen.sampling import generator
from lengen.task import PAD
from lengen.training.batch_stream import Example
from lengen.training.callback import DivergedError, training_bar
from lengen.training.checkpoint import SafeCheckpoints, read_checkpoint
from lengen.training.fit import DecoderModule, Training, quiet
from lengen.training.interruption import SIGNALS, Signals

COUNT = "step"
"""Key of an optimizer's state whose value is no part of a parameter: the number of updates so far, which all runs share."""


class Passed(Signals):
    """The signals of the process as they were when a step ended: all runs of a stack are saved before it stops."""

    def stop_if_pending(self) -> None:
        """Do nothing: the stack stops when all of its runs are saved."""


class StackedExamples:
    """The batches of one step of several runs, with the columns that any of them needs.

    Padding is on the right and attention is causal, so that a row gives the same logits in any width.

    Args:
        examples: of each run.
        whole: whether all columns are read but the last, after which nothing comes, as with `trainer.plain`.
    """

    def __init__(self, examples: Sequence[Example], *, whole: bool) -> None:
        width = max(example.tokens.shape[1] for example in examples)
        self.tokens = torch.stack(
            [pad(each.tokens, (0, width - each.tokens.shape[1]), value=PAD) for each in examples]
        )
        self.answer = torch.stack(
            [pad(each.answer, (0, width - each.answer.shape[1]), value=False) for each in examples]
        )
        self.first, self.end = (0, width - 1) if whole else read_columns(self.answer.flatten(0, 1))
        self.positions, self.shared = together([example.positions for example in examples])

    def on(self, device: torch.device) -> StackedExamples:
        """Move them to a device."""
        for name in ("tokens", "answer", "positions"):
            setattr(self, name, getattr(self, name).to(device, non_blocking=True))
        return self


def together(
    positions: Sequence[Real[Tensor, "_batch _time *streams"]],
) -> tuple[Real[Tensor, "..."], bool]:
    """Return the positions of several batches in one width, and whether they are the same for all, and so not stacked.

    Behind its last token a row repeats the position of that token, which any encoding has.
    """
    longest = max(positions, key=lambda each: each.shape[1])
    if len(longest) == 1 and all(torch.equal(each, longest[:, : each.shape[1]]) for each in positions):
        return longest, True
    width = longest.shape[1]
    padded = [
        torch.cat([each, each[:, -1:].expand(-1, width - each.shape[1], *each.shape[2:])], 1)
        for each in positions
    ]
    return torch.stack(padded), False


class Auxiliary(nn.Module):
    """The auxiliary loss of a decoder's encoding, as a module that `functional_call` can call."""

    def __init__(self, decoder: Decoder) -> None:
        super().__init__()
        self.decoder = decoder

    @property
    def any(self) -> bool:
        """Whether the encoding has one."""
        return self.decoder.pe.overrides("auxiliary")

    def forward(self, draws: torch.Generator) -> Float[Tensor, ""]:
        """Return it, or zero where the encoding has none at this step."""
        found = self.decoder.pe.auxiliary(draws)
        return torch.zeros(()) if found is None else found


class Stack:
    """Several decoders as one, with one optimizer.

    The parameters of the decoders become views of the stacked ones, so that each decoder always has its present parameters.

    Args:
        learners: the decoders, equal but for the values of parameters and buffers, on their device.
        clip: maximum norm of the gradient of each; 0 does not clip.
        bf16: whether the forward pass runs under bf16 autocast.
    """

    def __init__(self, learners: Sequence[DecoderModule], clip: float, *, bf16: bool = False) -> None:
        self.learners, self.clip, self.bf16 = [*learners], clip, bf16
        decoders = [learner.decoder for learner in learners]
        self.parameters, buffers = stack_module_state(cast("list[nn.Module]", decoders))
        for index, decoder in enumerate(decoders):
            for name, weight in decoder.named_parameters():
                weight.data = self.parameters[name].data[index]
        self.buffers = {
            name: (value[0] if bool((value == value[:1]).all()) else value) for name, value in buffers.items()
        }
        self.stacked_buffers = {
            name: (0 if value.shape == buffers[name].shape else None) for name, value in self.buffers.items()
        }
        self.places = places(decoders[0])
        self.optimizer = self._optimizer()

    def _optimizer(self) -> optim.Optimizer:
        """The optimizer of one decoder, with the stacked parameters in the place of its own."""
        optimizer = self.learners[0].configure_optimizers()
        stacked = {
            id(weight): self.parameters[name] for name, weight in self.learners[0].decoder.named_parameters()
        }
        for group in optimizer.param_groups:
            group["params"][:] = [stacked[id(weight)] for weight in group["params"]]
        return optimizer

    def everywhere(self, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return parameters and buffers under every name at which a module has them; the decoder names each of them once."""
        return {place: values[name] for place, name in self.places.items() if name in values}

    @property
    def device(self) -> torch.device:
        """Where the parameters are."""
        device: torch.device = next(iter(self.parameters.values())).device
        return device

    def losses(self, examples: StackedExamples) -> Float[Tensor, " runs"]:
        """The loss of each run: cross-entropy over the answers of its batch, in nats per answer token."""
        decoder, first, end = self.learners[0].decoder, examples.first, examples.end

        def loss(
            parameters: Mapping[str, Tensor],
            buffers: Mapping[str, Tensor],
            tokens: Int[Tensor, "batch time"],
            answer: Bool[Tensor, "batch time"],
            positions: Real[Tensor, "_batch time *streams"],
        ) -> Float[Tensor, ""]:
            inputs = (tokens[:, :end], positions[:, :end])
            values = self.everywhere({**parameters, **buffers})
            options = {"first": first, "prompt": prompts(answer) if decoder.reads_prompts else None}
            logits = functional_call(decoder, values, inputs, options, tie_weights=False)
            return answer_nats(logits, tokens, answer, first) / answer.sum()

        where = (0, self.stacked_buffers, 0, 0, None if examples.shared else 0)
        with _vmapped(self.device.type, bf16=self.bf16):
            found: Tensor = torch.vmap(loss, in_dims=where)(
                self.parameters, self.buffers, examples.tokens, examples.answer, examples.positions
            )
        return found

    def auxiliary(self, step: int) -> Float[Tensor, " runs"] | None:
        """The auxiliary loss of each run at a step, from 0; None if the encoding has none. Its draws are those of the run."""
        hook = Auxiliary(self.learners[0].decoder)
        if not hook.any:
            return None
        return torch.stack(
            [
                functional_call(
                    hook,
                    {
                        f"decoder.{name}": weight[index]
                        for name, weight in self.everywhere(self.parameters).items()
                    },
                    (generator("auxiliary", learner.seed, step),),
                    tie_weights=False,
                )
                for index, learner in enumerate(self.learners)
            ]
        )

    def backward(self, examples: StackedExamples, step: int) -> Float[Tensor, " runs"]:
        """Compute the gradients of all runs at a step, from 0; return their losses."""
        self.optimizer.zero_grad()
        losses, auxiliary = self.losses(examples), self.auxiliary(step)
        losses = losses if auxiliary is None else losses + auxiliary
        losses.sum().backward()  # type: ignore[no-untyped-call]
        return losses.detach()

    def step(self, examples: StackedExamples, step: int) -> Float[Tensor, " runs"]:
        """Train one step, counted from 0; return the loss of each run."""
        losses = self.backward(examples, step)
        self._clip()
        self.optimizer.step()
        self.learners[0].set_rates(self.optimizer, step + 1)
        return losses

    @torch.no_grad()
    def _clip(self) -> None:
        """Scale the gradient of each run to a norm of `clip` at most, as `torch.nn.utils.clip_grad_norm_` does for one."""
        gradients = [weight.grad for weight in self.parameters.values() if weight.grad is not None]
        if not self.clip or not gradients:
            return
        norms = torch.cat([gradient.reshape(len(gradient), -1) for gradient in gradients], 1).norm(dim=1)
        factor = (self.clip / (norms + 1e-6)).clamp(max=1)
        for gradient in gradients:
            gradient.mul_(factor.view(-1, *[1] * (gradient.ndim - 1)))

    def load(self, optimizers: Sequence[Mapping[str, Any]], step: int) -> None:
        """Restore the state of the optimizer from those of the runs.

        Args:
            optimizers: state of the optimizer of each run.
            step: steps behind them.
        """
        self.optimizer.load_state_dict(stacked(optimizers))
        self.learners[0].set_rates(self.optimizer, step)

    def optimizer_state(self, index: int) -> Any:
        """The state of the optimizer of one run, as its own optimizer would have it."""
        return of_run(self.optimizer.state_dict(), index)


def places(decoder: nn.Module) -> dict[str, str]:
    """Return every name at which a module has a parameter or a buffer, with the one by which the decoder knows it.

    A module that several layers share is there once: `functional_call` would else not put back what it held before.
    """
    known = {id(value): name for name, value in (*decoder.named_parameters(), *decoder.named_buffers())}
    return {
        f"{path}.{name}".removeprefix("."): known[id(value)]
        for path, module in decoder.named_modules()
        for name, value in (
            *module.named_parameters(recurse=False, remove_duplicate=False),
            *module.named_buffers(recurse=False, remove_duplicate=False),
        )
    }


def stacked(states: Sequence[Any], name: object = None) -> Any:
    """Stack the states of several optimizers: all tensors of parameters along a new first axis; the rest is the same in all."""
    first = states[0]
    if isinstance(first, Mapping):
        return {key: stacked([state[key] for state in states], key) for key in first}
    if isinstance(first, list):
        return [stacked(parts) for parts in zip(*states, strict=True)]
    return torch.stack([*states]) if isinstance(first, Tensor) and name != COUNT else first


def of_run(state: Any, index: int, name: object = None) -> Any:
    """Take the state of one run out of that of a stack; what `stacked` does is undone."""
    if isinstance(state, Mapping):
        return {key: of_run(value, index, key) for key, value in state.items()}
    if isinstance(state, list):
        return [of_run(value, index) for value in state]
    if isinstance(state, Tensor):
        return (state if name == COUNT else state[index]).clone()
    return state


@contextmanager
def _vmapped(device: str, *, bf16: bool) -> Iterator[None]:
    """Let torch compute attention by operations that `vmap` knows, in the precision of training, while the block runs."""
    with warnings.catch_warnings(), sdpa_kernel(SDPBackend.MATH):
        warnings.filterwarnings("ignore", message=".*performance drop.*batching rule.*")
        with torch.autocast(device, torch.bfloat16, enabled=bf16):
            yield


@dataclass
class Member:
    """One run of a stack, as its journal sees a trainer.

    Args:
        training: the run.
        stack: of which it is a part.
        index: its place in the stack.
        loops: makes the state of Lightning's loops after some steps, by which `fit` resumes.
    """

    training: Training
    stack: Stack
    index: int
    loops: Callable[[int], dict[str, Any]]
    global_step: int = 0
    accumulate_grad_batches: int = 1

    @property
    def optimizers(self) -> list[optim.Optimizer]:
        """The optimizer, whose learning rates are those of the run."""
        return [self.stack.optimizer]

    @cached_property
    def batches(self) -> Iterator[Example]:
        """The batches of the run."""
        return iter(self.training.stream)

    def save_checkpoint(self, filepath: Any, weights_only: bool = False) -> None:
        """Write a checkpoint as Lightning writes it, from which the run is resumed in any way."""
        learner, journal = self.training.learner, self.training.journal
        contents: dict[str, Any] = {
            "epoch": 0,
            "global_step": self.global_step,
            "pytorch-lightning_version": version("lightning"),
            "state_dict": {name: value.detach().clone() for name, value in learner.state_dict().items()},
            "loops": self.loops(self.global_step),
        }
        if not weights_only:
            contents |= {
                "callbacks": {journal.state_key: journal.state_dict()},
                "optimizer_states": [self.stack.optimizer_state(self.index)],
                "lr_schedulers": [],
            }
        learner.on_save_checkpoint(contents)
        SafeCheckpoints().save_checkpoint(contents, filepath)


def lightning_loops() -> Callable[[int], dict[str, Any]]:
    """Return what makes the state of Lightning's loops at the end of a step of a run that was not interrupted."""
    with quiet():
        trainer = Trainer(
            accelerator="cpu",
            devices=1,
            max_epochs=-1,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )

    def at(step: int) -> dict[str, Any]:
        loop: Any = trainer.fit_loop
        epoch, updates = loop.epoch_loop, loop.epoch_loop.automatic_optimization.optim_progress.optimizer
        epoch._batches_that_stepped = step - 1  # noqa: SLF001  # the last counts when all callbacks are through
        for progress in (loop.epoch_progress.total, loop.epoch_progress.current):
            progress.ready = progress.started = 1
        for progress in (epoch.batch_progress.total, epoch.batch_progress.current):
            progress.ready = progress.started = progress.processed = step
            progress.completed = step - 1
        for progress in (updates.step.total, updates.step.current):
            progress.ready = progress.completed = step
        for progress in (updates.zero_grad.total, updates.zero_grad.current):
            progress.ready = progress.started = progress.completed = step
        names = ("fit_loop", "validate_loop", "test_loop", "predict_loop")
        return {name: getattr(trainer, name).state_dict() for name in names}

    return at


def fit_stacked(trainings: Sequence[Training], step: int) -> list[DivergedError | None]:
    """Train several runs of one cell as one model, or resume them.

    Args:
        trainings: the runs, all at the same step.
        step: this step.

    Returns:
        The error of each run that has diverged; the others train on.

    Raises:
        KeyboardInterrupt: a signal stopped training; all runs are saved at the same step.
    """
    signals, ended = Passed(), dict[int, DivergedError]()
    for training in trainings:
        training.journal.one_of(len(trainings), signals)
    members = _members(trainings, step)
    steps, options = trainings[0].learner.steps, trainings[0].options
    bar = training_bar("seeds {task.fields[runs]}  mean loss {task.fields[loss]}", options.progress)
    line = bar.add_task("", total=steps, completed=step, runs=len(members), loss="-")
    for member in members:
        member.training.journal.begin(member)
    try:
        with bar, SIGNALS.deferred():
            while step < steps and members:
                examples = [next(member.batches) for member in members]
                device = members[0].stack.device
                batch = StackedExamples(examples, whole=options.plain).on(device)
                losses = members[0].stack.step(batch, step)
                step += 1
                signals.pending = SIGNALS.pending  # for all of them, whenever it comes
                for member, loss, example in zip(members, losses, examples, strict=True):
                    member.global_step = step
                    try:
                        member.training.journal.note(member, loss, example)
                    except DivergedError as error:
                        ended[id(member.training)] = error
                bar.update(line, completed=step)
                if step % options.log_every == 0:
                    bar.update(line, loss=f"{losses.mean().item():.4f}", runs=len(members))
                if signals.pending is not None:
                    SIGNALS.stop_if_pending()
                if any(id(member.training) in ended for member in members):
                    members = _rest([member for member in members if id(member.training) not in ended], step)
        SIGNALS.stop_if_pending()  # since the last step
    finally:
        for training in trainings:
            training.journal.end()
    return [ended.get(id(training)) for training in trainings]


def _members(trainings: Sequence[Training], step: int) -> list[Member]:
    """Stack some runs, from their checkpoints if there are any."""
    options, found = trainings[0].options, list[dict[str, Any]]()
    for training in trainings:
        learner = training.learner
        if training.checkpoint is not None:
            found.append(read_checkpoint(training.checkpoint, learner.run))
            learner.load_state_dict(found[-1]["state_dict"])
            training.journal.load_state_dict(found[-1]["callbacks"][training.journal.state_key])
        learner.to(options.device)
    stack = Stack([training.learner for training in trainings], options.clip, bf16=options.bf16)
    if found:
        optimizers = [contents["optimizer_states"][0] for contents in found]
        stack.load(optimizers, step)
    loops = lightning_loops()
    return [Member(training, stack, index, loops, step) for index, training in enumerate(trainings)]


def _rest(members: Sequence[Member], step: int) -> list[Member]:
    """Stack those runs anew that are left of a stack."""
    if not members:
        return []
    before = members[0].stack
    states = [before.optimizer_state(member.index) for member in members]
    stack = Stack([member.training.learner for member in members], before.clip, bf16=before.bf16)
    stack.load(states, step)
    for index, member in enumerate(members):
        member.stack, member.index = stack, index
    return [*members]
