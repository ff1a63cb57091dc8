"""Measure several seeds as one stacked model against the same seeds one after another (`python scripts/bench.py stacked`)."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product
from typing import Any

import torch
from lightning.fabric.utilities import move_data_to_device

from lengen.config.builder import Builder
from lengen.config.compose import TRAIN, Request
from lengen.experiment.config import RunConfig
from lengen.training.fit import DecoderModule, example_loss
from lengen.training.stacked import Stack, StackedExamples

BLOCK = 10
"""Steps of every seed between two changes of sides."""
CASES = ("task=copy", "pe=nope"), ("task=copy", "pe=rope"), ("task=addition", "pe=alibi")


def stacked_speed(steps: int) -> None:
    """Print how many times faster a stack is, for two sizes of the decoder: 8 seeds on a GPU, 4 on a CPU, in blocks in turn.

    A GPU is timed by the clock, once it has done its work, and a CPU by the time of one thread.
    """
    cuda = torch.cuda.is_available()
    seeds = 8 if cuda else 4
    for size, words in product(("tiny", "small"), CASES):
        config = Request(TRAIN, (*words, f"decoder={size}", f"steps={steps}")).compose()
        first = Builder().build(RunConfig, {**config, "record": config})
        runs = [replace(first, seed=seed) for seed in range(seeds)]
        sides = alone(runs), together(runs)
        seconds = list[float](), list[float]()
        furthest = 0.0
        for _ in range(max(3, steps // BLOCK)):
            losses = []
            for side, spent in zip(sides, seconds, strict=True):
                started = clock(cuda)
                losses.append(next(side))
                spent.append(clock(cuda) - started)
            furthest = max(furthest, float((losses[0] - losses[1]).abs().max()))
        ratios = [one / other for one, other in zip(*(spent[1:] for spent in seconds), strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        print(
            f"{size}, {', '.join(words)}: {seeds} seeds as one model train {middle:.2f} times as fast as one after another "
            f"(quartiles {low:.2f} to {high:.2f}; {statistics.median(seconds[0]) / BLOCK / seeds * 1000:.2f} ms a step of a seed alone); "
            f"their losses differ by {furthest:.1e} at most",
            flush=True,
        )


def clock(cuda: bool) -> float:
    """Seconds: of the clock when a GPU has done its work, or of this thread."""
    if not cuda:
        return time.thread_time()
    torch.cuda.synchronize()
    return time.perf_counter()


def alone(runs: list[RunConfig]) -> Iterator[torch.Tensor]:
    """Train every run for a block of steps, one run after another; yield their last losses."""
    loops = [stepped(run) for run in runs]
    while True:
        yield torch.stack([[step() for _ in range(BLOCK)][-1] for step in loops])


def stepped(run: RunConfig) -> Callable[[], torch.Tensor]:
    """Return what trains a step of one run, as it is trained alone, and gives its loss."""
    device = run.trainer.device
    module: DecoderModule = run.module(run.make_decoder()).to(device)
    made: dict[str, Any] = module.configure_optimizers()
    batches = iter(run.stream())

    def step() -> torch.Tensor:
        example = move_data_to_device(next(batches), device)
        made["optimizer"].zero_grad()
        with torch.autocast(device.type, torch.bfloat16, enabled=run.trainer.bf16):
            loss = example_loss(module.decoder, example)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(module.decoder.parameters(), run.trainer.clip)
        made["optimizer"].step()
        made["lr_scheduler"]["scheduler"].step()
        return loss.detach()

    return step


def together(runs: list[RunConfig]) -> Iterator[torch.Tensor]:
    """Train all runs as one model for a block of steps; yield their last losses."""
    options = runs[0].trainer
    modules = [run.module(run.make_decoder()).to(options.device) for run in runs]
    stack = Stack(modules, options.clip, bf16=options.bf16)
    streams, number = [iter(run.stream()) for run in runs], 0
    while True:
        for _ in range(BLOCK):
            examples = StackedExamples([next(stream) for stream in streams], whole=options.plain)
            losses = stack.step(examples.on(options.device), number)
            number += 1
        yield losses
