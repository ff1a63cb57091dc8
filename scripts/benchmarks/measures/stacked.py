"""Several seeds as one stacked model against the same seeds one after another: 8 on a GPU, 4 on a CPU, in blocks of ten steps in turn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import product

import torch
from lightning.fabric.utilities import move_data_to_device

from benchmarks import Entry, Setting
from benchmarks.models import experiment
from benchmarks.timing import in_turn, ratio
from lengen.experiment.config import RunConfig
from lengen.training.fit import DecoderModule, example_loss
from lengen.training.stacked import Stack, StackedExamples

BLOCK, BLOCKS = 10, 10
"""Steps of every seed between two changes of sides, and rounds."""
CASES = ("task=copy", "pe=nope"), ("task=copy", "pe=rope"), ("task=addition", "pe=alibi")


def measure(setting: Setting) -> Iterator[Entry]:
    """Yield how many times faster a stack is, by decoder, task and encoding."""
    seeds = setting.count(8 if setting.device == "cuda" else 4)
    mark = 6.0 if setting.device == "cuda" else None
    for (size, words), share in setting.sharing([*product(("tiny", "small"), CASES)]):
        first = experiment(setting, *words, f"decoder={size}")
        runs = [replace(first, seed=seed) for seed in range(seeds)]
        sides = [partial(next, alone(runs)), partial(next, together(runs))]
        apart, stacked = in_turn(share, sides, setting.rounds_of(BLOCKS), warm=1)
        what = f"{seeds} seeds, decoder={size}, {', '.join(words)}"
        yield ratio(what, "times faster", apart, stacked, note=f"{BLOCK} steps of each seed", mark=mark)


def alone(runs: list[RunConfig]) -> Iterator[None]:
    """Train every run for a block of steps, one run after another."""
    loops = [stepped(run) for run in runs]
    while True:
        for step in loops:
            for _ in range(BLOCK):
                step()
        yield


def stepped(run: RunConfig) -> Callable[[], None]:
    """Return what trains a step of one run, as it is trained alone."""
    device = run.trainer.device
    module: DecoderModule = run.module(run.make_decoder()).to(device)
    optimizer, batches = module.configure_optimizers(), iter(run.stream())

    def step() -> None:
        example = move_data_to_device(next(batches), device)
        optimizer.zero_grad()
        with torch.autocast(device.type, torch.bfloat16, enabled=run.trainer.bf16):
            loss = example_loss(module.decoder, example)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(module.decoder.parameters(), run.trainer.clip)
        optimizer.step()
        module.set_rates(optimizer, 0)

    return step


def together(runs: list[RunConfig]) -> Iterator[None]:
    """Train all runs as one model for a block of steps."""
    options = runs[0].trainer
    modules = [run.module(run.make_decoder()).to(options.device) for run in runs]
    stack = Stack(modules, options.clip, bf16=options.bf16)
    streams, number = [iter(run.stream()) for run in runs], 0
    while True:
        for _ in range(BLOCK):
            examples = StackedExamples([next(stream) for stream in streams], whole=options.plain)
            stack.step(examples.on(options.device), number)
            number += 1
        yield
