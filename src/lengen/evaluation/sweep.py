"""The sweep over lengths that makes a curve, and the accuracy over several lengths together (ID exact match)."""

from __future__ import annotations

import ctypes
import re
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool
from torch import Tensor

from lengen.config.notices import say_once
from lengen.decoder import Decoder
from lengen.evaluation.scoring import Verdicts, score
from lengen.evaluation.test_set import examples, positions_key
from lengen.loops import Tally
from lengen.positions import Positions
from lengen.records.curve import Row, split
from lengen.records.eval_options import EvalOptions
from lengen.records.run_dir import SweepRecord
from lengen.records.verdicts import StringVerdicts
from lengen.sampling import generator
from lengen.statistics.intervals import clopper_pearson, not_measurable
from lengen.task import Batch, Task

Measured = tuple[Row, StringVerdicts]
"""What is measured at a length."""
Spread = Callable[[Callable[[int], Measured], Sequence[int]], Iterable[Measured]]
"""Measures several lengths, as `map` does."""
Prepare = Callable[[Decoder, Positions, Batch], tuple[Decoder, Positions]]
"""Returns the decoder and the positions that read a test set, given the trained ones; see `lengen.extend`."""


def as_trained(decoder: Decoder, positions: Positions, _: Batch) -> tuple[Decoder, Positions]:
    """Return decoder and positions as they are."""
    return decoder, positions


def sweep(
    decoder: Decoder,
    task: Task,
    positions: Positions,
    evaluation: EvalOptions,
    lengths: list[int],
    facts: dict[str, Any],
    done: SweepRecord,
    found: Callable[[SweepRecord], None],
    spread: Spread = map,
    prepare: Prepare = as_trained,
) -> SweepRecord:
    """Evaluate a decoder at every length that was not evaluated before.

    Args:
        decoder: the decoder to evaluate.
        task: the task.
        positions: the position scheme.
        evaluation: options of evaluation.
        lengths: the lengths to evaluate.
        facts: the columns of a row that describe the run, `task` to `train_length`.
        done: rows and verdicts of lengths that were evaluated before.
        found: called with all rows and verdicts after every length.
        spread: measures the lengths and yields them in any order; several processes may do so.
        prepare: changes the decoder for each length.
    """
    decoder.eval()
    measure = partial(measured, decoder, task, positions, evaluation, facts, prepare=prepare)
    for row, strings in spread(measure, [length for length in lengths if length not in done.curve]):
        done = done.add(row, strings)
        found(done)
    return done


def measured(
    decoder: Decoder,
    task: Task,
    positions: Positions,
    evaluation: EvalOptions,
    facts: dict[str, Any],
    length: int,
    prepare: Prepare = as_trained,
) -> Measured:
    """Evaluate a decoder, in evaluation mode, at one length; see `sweep`."""
    device = next(decoder.parameters()).device
    held = sum(each.nbytes for each in (*decoder.parameters(), *decoder.buffers()))
    started = time.perf_counter()
    with PeakMemory(device) as memory:
        batch = examples(evaluation, task, length)
        decoder, positions = prepare(decoder, positions, batch)
        tally = Tally()
        decoder = decoder.looped(tally=tally) if decoder.halts else decoder
        verdicts = score(decoder, batch, positions, positions_key(evaluation, length), evaluation.decode)
    strings = verdicts.strings
    counts = strings.counts
    correct = counts["right"]
    low, high = clopper_pearson(correct, len(batch))
    errors = strings.first_error[~strings.exact]
    seconds = round(time.perf_counter() - started, 4)
    evaluated = task.evaluation_task()
    chance = (evaluated.result_chance if evaluation.decode == "free" else evaluated.chance)(length)
    row = Row(
        **facts,
        decode=evaluation.decode,
        length=length,
        split=split(length, facts["train_length"]),
        examples=len(batch),
        correct=correct,
        exact_match=correct / len(batch),
        ci_low=low,
        ci_high=high,
        token_accuracy=verdicts.token_accuracy,
        loss=verdicts.loss,
        first_error=float(errors.mean()) if len(errors) else None,
        seconds=seconds,
        peak_bytes=memory.peak,
        stopped_early=counts["stopped_early"],
        ran_on=counts["ran_on"],
        never_ended=counts["never_ended"],
        wrong_token=counts["wrong_token"],
        chance_exact_match=chance.exact_match,
        chance_token_accuracy=chance.token_accuracy,
        memory_bytes=None if memory.growth is None else memory.growth + held,
        loops=float(decoder.architecture.loops) if tally.mean is None else round(tally.mean, 4),
    )
    return row, strings


def mean_scores(
    decoder: Decoder,
    task: Task,
    positions: Positions,
    lengths: Sequence[int],
    examples: int,
    seed: int,
    purpose: str,
    prepare: Prepare = as_trained,
) -> tuple[float, float]:
    """Exact match over examples split evenly over some lengths, and the mean loss over these lengths.

    Args:
        decoder: the decoder, in evaluation mode.
        task: the task that was trained; the examples are those of its evaluation task.
        positions: the position scheme.
        lengths: the lengths, each of which must have examples.
        examples: number of examples of all lengths together, at least one per length.
        seed: seed of the examples.
        purpose: key of the examples, so that those of probes and of validation differ.
        prepare: changes the decoder for each length.
    """
    verdicts = _verdicts(decoder, task, positions, lengths, examples, seed, purpose, prepare)
    exact = torch.cat([each.exact for each in verdicts])
    return int(exact.sum()) / len(exact), sum(each.loss for each in verdicts) / len(verdicts)


def _verdicts(
    decoder: Decoder,
    task: Task,
    positions: Positions,
    lengths: Sequence[int],
    examples: int,
    seed: int,
    purpose: str,
    prepare: Prepare,
) -> list[Verdicts]:
    """Return the verdicts on examples split evenly over some lengths, by length; see `mean_scores`."""
    evaluated, share = task.evaluation_task(), examples_each(examples, lengths)
    verdicts = []
    for length in lengths:
        batch = evaluated.sample(length, share, generator(purpose, seed, length))
        reads, places = prepare(decoder, positions, batch)
        verdicts.append(score(reads, batch, places, ("probe positions", seed), "teacher"))
    return verdicts


def examples_each(examples: int, lengths: Sequence[int]) -> int:
    """Return the examples of a length, where a number of them is split evenly over some lengths: rounded up, at least one."""
    return -(-examples // len(lengths))


def id_lengths(task: Task, trained: Sequence[int]) -> list[int]:
    """Return the training lengths that have evaluation examples, which exact match over the training lengths is measured on."""
    return list(filter(task.evaluation_task().has, trained))


def id_exact_match(
    decoder: Decoder,
    task: Task,
    positions: Positions,
    trained: Sequence[int],
    evaluation: EvalOptions,
    prepare: Prepare = as_trained,
) -> float:
    """Exact match over the training lengths, which decides whether a run counts as trained; see `id_verdicts`."""
    exact = id_verdicts(decoder, task, positions, trained, evaluation, prepare)
    return int(exact.sum()) / len(exact)


def id_verdicts(
    decoder: Decoder,
    task: Task,
    positions: Positions,
    trained: Sequence[int],
    evaluation: EvalOptions,
    prepare: Prepare = as_trained,
) -> Bool[Tensor, " strings"]:
    """Which strings of the training lengths are answered exactly; the same strings for every decoder of a task.

    Args:
        decoder: the decoder, in evaluation mode.
        task: the task that was trained.
        positions: the position scheme.
        trained: the training lengths; those without evaluation examples are skipped.
        evaluation: gives the number of examples of all lengths together, and their seed.
        prepare: changes the decoder for each length.
    """
    lengths = id_lengths(task, trained)
    shared = (evaluation.examples, evaluation.seed, "validation", prepare)
    return torch.cat([each.exact for each in _verdicts(decoder, task, positions, lengths, *shared)])


def announce_sweep(evaluation: EvalOptions) -> None:
    """Say once, before a sweep, which reaches it has too few examples to measure."""
    if lacking := not_measurable(evaluation.examples):
        say_once(f"eval.examples={evaluation.examples}: too few examples per length to measure {lacking}")


class PeakMemory:
    """Context manager that measures peak memory in bytes: torch's allocations on a GPU, else the process's resident size.

    `peak` has everything in the process, also what earlier runs and the libraries hold. `growth` is how far the peak is above what
    was held at the start. On systems that cannot reset the high-water mark (Linux can), the peak is that of the whole process so
    far, and the growth is None.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.peak = 0
        self.growth: int | None = None
        self._start: int | None = None

    def __enter__(self) -> PeakMemory:  # noqa: PYI034  # Self cannot be checked at run time
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
            self._start = torch.cuda.memory_allocated(self.device)
            return self
        with suppress(
            OSError, AttributeError
        ):  # only glibc has it: memory that earlier lengths and runs have freed
            ctypes.CDLL(None).malloc_trim(0)
        with suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")
            self._start = _resident("VmRSS")
        return self

    def __exit__(self, *_: object) -> None:
        self.peak = (
            torch.cuda.max_memory_allocated(self.device) if self.device.type == "cuda" else resident_peak()
        )
        if self._start is not None:
            self.growth = max(self.peak - self._start, 0)


def resident_peak() -> int:
    """High-water mark of the resident size of this process, in bytes; 0 if the system does not report it."""
    with suppress(OSError):
        if found := _resident("VmHWM"):
            return found
    with suppress(ImportError):  # Windows has none
        import resource

        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    with suppress(ImportError):  # optional: used if installed
        import psutil

        memory = psutil.Process().memory_info()
        return int(getattr(memory, "peak_wset", memory.rss))
    return 0


def _resident(entry: str) -> int | None:
    """Return an entry of Linux's status of this process, in bytes; None if it has none."""
    found = re.search(rf"{entry}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) * 1024 if found else None
