"""The seeds of a cell, trained as one model: what cannot be stacked is refused, and each run keeps its folder, files and results."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, NamedTuple

import torch
from lightning.fabric.utilities import move_data_to_device
from torch import Tensor

from lengen.attention.softmax import Softmax
from lengen.config.builder import Builder
from lengen.config.errors import UsageError, require
from lengen.config.option_names import option_of
from lengen.experiment.compatibility import budget
from lengen.experiment.config import RunConfig
from lengen.experiment.run import Experiment, Outcome, Stages, configured
from lengen.head.linear import Linear
from lengen.mixer.attention import Attention
from lengen.mixer.pattern import period
from lengen.pe.nope import NoPE
from lengen.records.command import of_job
from lengen.training.callback import DivergedError
from lengen.training.fit import DecoderModule, Training
from lengen.training.stacked import Stack, StackedExamples, fit_stacked

TRIED_ROWS, TRIED_LAYERS = 8, 2
"""Examples, and blocks at most, with which it is tried whether runs can be stacked."""
TOLERANCE = 1e-3
"""Largest deviation of gradients and updates of a stack from those of the runs alone, relative to the largest of them."""
LONGEST = 120
"""Most characters of the error that is a reason."""
REASONS = {
    r"Batching rule not implemented for aten::(\w+)": r"torch runs its \1 for one decoder at a time",
    r"autograd\.Function with functorch": "its backward pass is written for one decoder at a time",
    r"random operation": "its forward pass draws, for all runs the same or others than alone",
    r"\.item\(\)|data-dependent control flow": "the values of its tensors decide what it computes",
}
"""Why torch cannot make one pass of several (`torch.func.vmap`), by how it says so."""


@dataclass(frozen=True)
class StackedRun:
    """A run of a stack.

    Args:
        record: its resolved configuration.
        command: its command line alone.
    """

    record: Mapping[str, Any]
    command: Sequence[str]


def run_stack(runs: Sequence[StackedRun], builder: Builder) -> list[Outcome]:
    """Train the runs of one cell as one model, and evaluate one after another. Runs that are over are not repeated.

    Runs that stand at different steps, as after a power cut, are trained in as many stacks as there are steps.

    Args:
        runs: the runs, which differ in their seeds alone.
        builder: builds the configured objects.

    Raises:
        UsageError: an option is not allowed, or cannot be stacked.
    """
    configs = [configured(run.record, builder) for run in runs]
    if len(configs) > 1:
        check_options(configs)
    experiments = [Experiment(config) for config in configs]
    if len(configs) > 1:
        check_stackable(configs[0])
    for line in dict.fromkeys(line for experiment in experiments for line in experiment.changes()):
        print(f"lengen: {line}", flush=True)  # noqa: T201
    seeds = [
        Seed(experiment, run.command, Stages(experiment.stages()))
        for experiment, run in zip(experiments, runs, strict=True)
    ]
    try:
        for seed in seeds:
            seed.begin()
        _train([seed for seed in seeds if seed.training is not None])
        for seed in seeds:
            seed.end()
    except BaseException as error:
        for seed in seeds:
            seed.stop(error)
        raise
    return [seed.stages.outcome for seed in seeds if seed.stages.outcome is not None]


@dataclass
class Seed:
    """One run of a stack.

    Args:
        experiment: the run.
        command: its command line.
        stages: before and after the training, which the runs have in common.
        training: what is trained; None if there is nothing.
        began: when it was ready to be trained, and how many seconds it had trained before.
        diverged: the error of a run that has diverged.
    """

    experiment: Experiment
    command: Sequence[str]
    stages: Stages
    training: Training | None = None
    began: tuple[float, float] = (0.0, 0.0)
    diverged: DivergedError | None = None

    @property
    def step(self) -> int:
        """Steps that lie behind it."""
        return 0 if self.training is None else self.training.stream.start

    def begin(self) -> None:
        """Go on to the training."""
        with of_job(self.command):
            self.training = self.stages.begin()
        self.began = time.perf_counter(), self._trained

    def end(self, error: BaseException | None = None) -> None:
        """Do what comes after the training."""
        if self.training is not None:
            started, before = self.began
            self.training.journal.waited = time.perf_counter() - started - (self._trained - before)
        with of_job(self.command):
            self.stages.end(error or self.diverged)

    def stop(self, error: BaseException) -> None:
        """Record an error of the stack with this run, unless it is over."""
        if self.training is not None and self.stages.outcome is None:
            with suppress(type(error)):
                self.end(error)

    @property
    def _trained(self) -> float:
        """Seconds of training that are its own."""
        return 0.0 if self.training is None else self.training.journal.clock.seconds


def _train(seeds: Sequence[Seed]) -> None:
    """Train runs, those at the same step as one model; a single one at its step is trained alone."""
    ordered = sorted(seeds, key=lambda seed: seed.step)
    groups = [(step, [*group]) for step, group in groupby(ordered, key=lambda seed: seed.step)]
    if len(groups) > 1:
        listed = "; ".join(
            f"{', '.join(seed.experiment.folder.path.name for seed in group)} at step {step}"
            for step, group in groups
        )
        print(f"lengen: the seeds stand at different steps and are trained apart: {listed}", flush=True)  # noqa: T201
    for step, group in groups:
        trainings = [seed.training for seed in group if seed.training is not None]
        if len(trainings) == 1:
            try:
                trainings[0].fit()
            except DivergedError as error:
                group[0].diverged = error
            continue
        for seed in group:
            seed.experiment.folder.record({"stacked": len(trainings)})
        for seed, diverged in zip(group, fit_stacked(trainings, step), strict=True):
            seed.diverged = diverged


def check_stack(configs: Sequence[RunConfig], *, here: bool = True) -> None:
    """Refuse runs that cannot be trained as one model.

    Args:
        configs: the runs.
        here: whether this machine trains them; if not, the memory that this takes is not looked at.

    Raises:
        UsageError: names the option.
    """
    check_options(configs, here=here)
    check_stackable(configs[0])


def check_options(configs: Sequence[RunConfig], *, here: bool = True) -> None:
    """Refuse options with which runs are not stacked.

    Raises:
        UsageError: names the option.
    """
    config = configs[0]
    options, several = config.trainer, f"with seeds, {len(configs)} runs as one model"
    require(
        options.devices == 1,
        f"trainer.devices={options.devices} {several}: a stack trains on one device; use trainer.devices=1",
    )
    require(
        options.accumulate == 1,
        f"trainer.accumulate={options.accumulate} {several}: a stack reads whole batches; use trainer.accumulate=1",
    )
    require(
        not options.flex,
        f"trainer.flex=true {several}: FlexAttention cannot be stacked; use trainer.flex=false",
    )
    dropout = config.decoder.dropout
    require(
        dropout == 0,
        f"decoder.dropout={dropout} {several}: they would have other dropout masks than alone; use decoder.dropout=0",
    )
    require(
        config.loops.steady,
        f"loops={config.labels.loops} {several}: a stack applies its blocks equally often in all runs, with a gradient; use loops=fixed "
        "and loops.grad_loops=null",
    )
    logger = config.logger
    require(
        logger.several,
        f"logger={option_of(logger)} {several}: it logs one run at a time; use logger=local, and upload them later",
    )
    replace(budget(config), copies=len(configs)).check(here=here)


def check_stackable(config: RunConfig) -> None:
    """Refuse what cannot be trained as a stack, as two small decoders of the cell show: alone and as a stack.

    Raises:
        UsageError: names the option.
    """
    fault = stack_fault(config)
    if fault is None:
        return
    labels = config.labels
    names = [f"optimizer={labels.optimizer}"] if fault.optimizer else faulty_parts(config)
    raise UsageError(
        f"{', '.join(names)} cannot be trained as a stack: {fault.reason}; -m 'seed=…' in the place of seeds trains "
        "the runs one by one"
    )


def faulty_parts(config: RunConfig) -> list[str]:
    """Return the options of a cell that cannot be stacked: those with which nothing else keeps it from that, else all that could.

    Args:
        config: a run of the cell, which cannot be stacked.
    """
    labels, plain = config.labels, replace(config, pe=NoPE, attention=Softmax, mixer=Attention, head=Linear)
    kinds = getattr(config.mixer, "keywords", {}).get("parts", {}) if period(config.mixer) > 1 else {}
    alone = {
        f"pe={labels.pe}": replace(plain, pe=config.pe),
        f"attention={labels.attention}": replace(plain, attention=config.attention),
        **{f"mixer.{name}": replace(plain, mixer=part) for name, part in kinds.items()},
        f"head={labels.head}": replace(plain, head=config.head),
    }
    if not kinds:
        alone[f"mixer={labels.mixer}"] = replace(plain, mixer=config.mixer)
    found = [name for name, part in alone.items() if stack_fault(part) is not None]
    return found or [*alone, *([] if config.positions.counts else [f"positions={labels.positions}"])]


class Fault(NamedTuple):
    """Why a stack does not do what its runs do alone: the `reason`, and whether it lies with the optimizer."""

    reason: str
    optimizer: bool = False

    @classmethod
    def of(cls, error: Exception, *, optimizer: bool = False) -> Fault:
        """The fault that an error is, in words of our own where torch is known to say so."""
        text = str(error)
        for form, reason in REASONS.items():
            if found := re.search(form, text):
                return cls(found.expand(reason), optimizer)
        line = f"{type(error).__name__} {next(iter(text.splitlines()), '')}".rstrip()
        return cls(line if len(line) <= LONGEST else f"{line[:LONGEST]}…", optimizer)


def stack_fault(config: RunConfig) -> Fault | None:
    """Train two small decoders of a cell for one step, alone and as a stack; return why the stack does not do the same.

    Args:
        config: a run of the cell.
    """
    layers = min(config.decoder.layers, TRIED_LAYERS)
    small = replace(
        config,
        decoder=replace(config.decoder, layers=layers, encoder=min(config.decoder.encoder, TRIED_LAYERS)),
        batch_size=min(config.batch_size, TRIED_ROWS),
        init_seed=None,
        data_seed=None,
    )
    runs, device = [replace(small, seed=config.seed + more) for more in (0, 1)], config.trainer.device
    with torch.random.fork_rng(devices=[]):
        alone, beside = ([run.module(run.make_decoder()).to(device) for run in runs] for _ in range(2))
    examples = [next(iter(run.stream())) for run in runs]
    optimizers = [module.configure_optimizers() for module in alone]
    for module, example in zip(alone, examples, strict=True):
        module.training_step(move_data_to_device(example, device), 0).backward()  # type: ignore[no-untyped-call]
    try:
        stack = Stack(beside, clip=0)
        stack.backward(StackedExamples(examples, whole=config.trainer.plain).on(device), 0)
    except Exception as error:  # noqa: BLE001  # of whatever the parts do that `vmap` does not know
        return Fault.of(error)
    gradients = [{name: weight.grad for name, weight in named(module)} for module in alone]
    if differ(gradients, [(name, weight.grad) for name, weight in stack.parameters.items()]):
        return Fault("its gradients are others")
    before = {name: weight.detach().clone() for name, weight in stack.parameters.items()}
    for name, weight in stack.parameters.items():  # what is zero but for rounding would decide updates
        if weight.grad is not None:
            weight.grad = torch.stack([each[name] for each in gradients])  # type: ignore[misc]
    try:
        for optimizer in (*optimizers, stack.optimizer):
            optimizer.step()
    except Exception as error:  # noqa: BLE001  # of whatever the optimizer does with the shapes of parameters
        return Fault.of(error, optimizer=True)
    updates = [
        {name: weight.detach() - before[name][index] for name, weight in named(module)}
        for index, module in enumerate(alone)
    ]
    if differ(updates, [(name, weight.detach() - before[name]) for name, weight in stack.parameters.items()]):
        return Fault("its updates are others", optimizer=True)
    return None


def named(module: DecoderModule) -> Iterator[tuple[str, Tensor]]:
    """The parameters of a decoder."""
    return module.decoder.named_parameters()


def differ(alone: Sequence[Mapping[str, Tensor | None]], stack: Sequence[tuple[str, Tensor | None]]) -> bool:
    """Whether the values of a stack are not those of the runs alone, up to rounding.

    Args:
        alone: of each run, by name; None where a parameter has none.
        stack: of the stack, with an axis of runs in front.
    """
    largest = max(float(value.abs().max()) for run in alone for value in run.values() if value is not None)
    for name, values in stack:
        for index, run in enumerate(alone):
            mine = run[name]
            if mine is None or values is None:
                if mine is not values:
                    return True
            elif not float((mine - values[index]).abs().max()) <= TOLERANCE * largest:
                return True
    return False
