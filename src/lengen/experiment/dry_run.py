"""What a run would do and need, without doing it: nothing is written, and no run is trained."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import torch

from lengen.config.builder import Builder
from lengen.config.limits import amount, duration, short
from lengen.config.seeds import runs_of
from lengen.experiment.budget import Budget
from lengen.experiment.compatibility import budget, check
from lengen.experiment.config import RunConfig
from lengen.experiment.continuation import check_origin
from lengen.experiment.run import configured
from lengen.experiment.stack import check_stack
from lengen.sampling import generator
from lengen.statistics.formats import counted
from lengen.task import PAD, Task
from lengen.training.batch_stream import read

TIMED = 1e10
"""Floating-point operations of the step that is timed, at most: about a second of a CPU core."""
LOOKED_AT = 16
"""Lengths that are drawn to count tokens, at most."""
LAST, BEST = 12, 4
"""Bytes of a parameter in a checkpoint: float32 of the weight and, to go on from the last, of two moments."""
TABLES, VERDICT = 300_000, 4
"""Bytes of the figure and the tables, and of the verdict on one string."""
BACKWARD = 3
"""A training step costs as much as three forward passes."""


class Needs(NamedTuple):
    """What a run needs: `parameters`, `tokens` of training, `seconds` on this machine, bytes on `disk`; no time if it is finished."""

    parameters: int
    tokens: float
    seconds: float
    disk: int


@dataclass(frozen=True)
class DryRun:
    """What a run would do and need.

    Args:
        config: the run.
        here: whether this machine would train it.

    Raises:
        UsageError: the run would be refused.
    """

    config: RunConfig
    here: bool = True

    def __post_init__(self) -> None:
        check(self.config, here=self.here)
        if self.config.from_:
            check_origin(self.config, self.config.from_)

    @cached_property
    def budget(self) -> Budget:
        """What the run needs at least."""
        return budget(self.config)

    @cached_property
    def trained_tokens(self) -> float:
        """Tokens of training, padding left out."""
        config = self.config
        parts = config.formatted_task.training_tasks()
        means = [mean_tokens(part, config.trained_lengths.support) for part in parts]
        return sum(means) / len(means) * config.batch_size * config.steps

    @cached_property
    def evaluated_tokens(self) -> float:
        """Tokens of the test set."""
        config = self.config
        task, lengths = config.formatted_task.evaluation_task(), config.eval_lengths
        return mean_tokens(task, lengths) * len(lengths) * config.eval.examples

    def seconds_per_token(self) -> float:
        """Time one training step on this machine, or a part of its examples if it is long: seconds for one token."""
        config = self.config
        task, length = config.formatted_task.training_tasks()[0], config.train_length
        one = task.sample(length, 1, generator("dry", 0)).time
        rows = max(1, min(config.batch_size, int(TIMED / (6 * self.budget.parameters * one))))
        example = read(
            task.sample(length, rows, generator("dry", 1)), config.positions, generator("dry", 2),
            bos=config.decoder.bos, training=True,
        )  # fmt: skip
        if config.loops.by_length:
            example = example._replace(steps=torch.full((rows,), config.formatted_task.steps(length)))
        with torch.random.fork_rng(devices=[]), threads_of_run(config):
            module = config.module(config.make_decoder())
            optimizer = config.optimizer.make(module.decoder)
            for _ in range(2):  # the first call of an operation takes longer
                started = time.perf_counter()
                module.training_step(example, 0).backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                seconds = time.perf_counter() - started
        return seconds / example.tokens.numel()

    @property
    def disk(self) -> int:
        """Bytes of the run folder when the run is finished, about."""
        config = self.config
        verdicts = len(config.eval_lengths) * config.eval.examples
        every = LAST * (config.steps // config.trainer.checkpoint_every)
        kept = {"last": LAST, "best": BEST, "none": 0, "all": LAST + BEST + every, None: LAST + BEST}
        return kept[config.trainer.keep] * self.budget.parameters + VERDICT * verdicts + TABLES

    @cached_property
    def seconds(self) -> float:
        """Seconds that the run takes on this machine, about."""
        return self.seconds_per_token() * (self.trained_tokens + self.evaluated_tokens / BACKWARD)

    @cached_property
    def status(self) -> str:
        """How far the run is: `new`, or what its record says."""
        config = self.config
        facts = config.folder.facts() if config.folder.path.exists() else {}
        return str(facts.get("status", "new"))

    @property
    def needs(self) -> Needs:
        """What is left to be done."""
        parameters = self.budget.parameters
        if self.status == "finished" and not self.config.force:
            return Needs(parameters, 0, 0, 0)
        return Needs(parameters, self.trained_tokens, self.seconds, self.disk)

    def lines(self) -> list[tuple[str, str]]:
        """What the run would do and need, by name."""
        config, needed = self.config, self.budget
        lengths = config.eval_lengths
        kept = needed.read * config.train_length * needed.kept
        span = f"{len(lengths)} lengths from {lengths[0]} to {lengths[-1]}"
        return [
            ("run", f"{config.folder.path} ({self.status})"),
            ("parameters", f"{needed.parameters:,}"),
            ("training", f"{config.steps:,} steps of {config.batch_size:,} examples, about {short(int(self.trained_tokens))} tokens"),
            ("test set", f"{span}, {config.eval.examples:,} examples each, about {short(int(self.evaluated_tokens))} tokens"),
            ("time", f"about {duration(self.seconds)} with {counted(config.trainer.threads, 'CPU thread')}, as one step was timed"),
            ("memory", f"at least {amount(needed.parameters * needed.trained + kept)}"),
            ("disk", f"about {amount(self.disk)}"),
        ]  # fmt: skip


def planned(record: Mapping[str, Any], builder: Builder, *, here: bool = True) -> list[DryRun]:
    """Return the runs of a job: one, or with `seeds` several that are trained as one model.

    Args:
        record: the keys of `configs/train.yaml`, resolved.
        builder: builds the configured objects.
        here: whether this machine would train them. If not, nothing is asked of its devices and memory, which other machines may
            have, and times are those of its CPU.

    Raises:
        UsageError: they would be refused.
    """
    records = [each if here else of_any_machine(each) for each in runs_of(record)]
    configs = [configured(each, builder) for each in records]
    if len(configs) > 1:
        check_stack(configs, here=here)
    return [DryRun(each, here) for each in configs]


def of_any_machine(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a run as a machine without any GPU could train it. It is of the same cell."""
    return {**record, "trainer": {**record["trainer"], "accelerator": "cpu", "devices": 1}}


def total(needs: Sequence[Needs]) -> str:
    """Return what several runs need together, in words."""
    _, tokens, seconds, disk = (sum(each) for each in zip(*needs, strict=True))
    least, most = min(each.parameters for each in needs), max(each.parameters for each in needs)
    parameters = f"{most:,}" if least == most else f"{least:,} to {most:,}"
    left = sum(each.seconds > 0 for each in needs)
    return (
        f"{len(needs)} runs, {left} of them to be trained, {parameters} parameters each: about {short(int(tokens))} tokens of training, {duration(seconds)} one after "
        f"another, {amount(int(disk))} on the disk"
    )


@contextmanager
def threads_of_run(config: RunConfig) -> Iterator[None]:
    """Compute with as many threads as the run would."""
    before = torch.get_num_threads()
    torch.set_num_threads(config.trainer.threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def mean_tokens(task: Task, lengths: Sequence[int]) -> float:
    """Mean number of tokens of an example, over some of the lengths evenly."""
    step = -(-len(lengths) // LOOKED_AT)
    batches = [task.sample(length, 4, generator("dry", length)) for length in lengths[::step]]
    return sum(int((batch.tokens != PAD).sum()) / len(batch) for batch in batches) / len(batches)
