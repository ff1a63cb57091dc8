"""The sweep: decoder x task x lengths -> curve.

For argmax decoding and a fixed full answer, teacher-forced exact match is greedy exact match, since both fail at the first
error: a length costs one forward pass. `eval.decode=greedy` decodes with a KV cache instead.
"""

from __future__ import annotations

import re
import resource
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Int, Real
from torch import Tensor

from lengen.curve import Curve, Row
from lengen.decode import greedy
from lengen.decoder import Decoder
from lengen.evaluation import Evaluation
from lengen.metrics import answer_loss, exact_match, first_error, right
from lengen.positions import Positions
from lengen.statistics import clopper_pearson
from lengen.stream import generator
from lengen.task import Batch, Task

TOKENS = {"cpu": 8192}
"""Tokens in one forward pass of a sweep, by device; shorter lengths have larger batches."""
MANY_TOKENS = 131072


class Verdicts(NamedTuple):
    """What examining some examples found."""

    right: Bool[Tensor, "batch time"]
    answer: Bool[Tensor, "batch time"]
    loss: float

    @property
    def exact(self) -> Bool[Tensor, " batch"]:
        """Whether each answer is right, end token included."""
        return exact_match(self.right, self.answer)


def examine(
    decoder: Decoder, batch: Batch, positions: Positions, key: tuple[str | int, ...], decode: str
) -> Verdicts:
    """Verdicts on examples, in as many forward passes as memory wants.

    Args:
        decoder: what is examined, in evaluation mode.
        batch: examples as the task draws them, without bos.
        positions: the position of each token.
        key: of the generator for random positions.
        decode: `teacher` or `greedy`.
    """
    batch = batch.begin() if decoder.architecture.bos else batch
    device = next(decoder.parameters()).device
    size = max(TOKENS.get(device.type, MANY_TOKENS) // batch.time, 1)
    found = torch.zeros_like(batch.answer)
    losses, start = 0.0, 0

    def placed(tokens: Int[Tensor, "all time"], rows: slice) -> Real[Tensor, "#batch time"]:
        """Positions of some rows; drawn for all, so that they do not depend on how many fit into memory."""
        drawn = positions(replace(batch, tokens=tokens), generator(*key), training=False)
        return (drawn if drawn.shape[0] == 1 else drawn[rows]).to(device)

    whole = placed(batch.tokens, slice(None))
    while start < len(batch):
        rows = slice(start, start + size)
        part = batch.rows(rows)

        def place(known: Int[Tensor, "batch time"], rows: slice = rows) -> Real[Tensor, "#batch time"]:
            tokens = batch.tokens.clone()
            tokens[rows, : known.shape[1]] = known.cpu()
            return placed(tokens, rows)[:, : known.shape[1]]

        here = (whole if whole.shape[0] == 1 else whole[rows])[:, : part.time]
        try:
            correct, loss = _examine(decoder, part, here, place if decode == "greedy" else None)
        except torch.OutOfMemoryError:
            if size == 1:
                raise
            size //= 2
            continue
        found[rows, : part.time] = correct
        losses += loss * int(part.answer.sum())
        start += size
    return Verdicts(found, batch.answer, losses / int(batch.answer.sum()))


@torch.no_grad()
def _examine(
    decoder: Decoder,
    batch: Batch,
    positions: Real[Tensor, "#batch time"],
    place: Callable[[Int[Tensor, "batch time"]], Real[Tensor, "#batch time"]] | None,
) -> tuple[Bool[Tensor, "batch time"], float]:
    """Which answer tokens are right, and the loss: one forward pass, and given `place` a cached decoding."""
    tokens, answer = batch.tokens.to(positions.device), batch.answer.to(positions.device)
    logits = decoder(tokens, positions)
    if place is None:
        predicted = torch.nn.functional.pad(logits[:, :-1].argmax(-1), (1, 0))
    else:
        predicted = greedy(decoder, tokens, answer, place)
    return right(predicted, tokens, answer).cpu(), float(answer_loss(logits, tokens, answer))


def sweep(
    decoder: Decoder,
    task: Task,
    positions: Positions,
    evaluation: Evaluation,
    lengths: list[int],
    facts: dict[str, Any],
    curve: Curve,
    found: Callable[[Curve], None],
) -> Curve:
    """Examine every length that the curve does not have yet.

    Args:
        decoder: what is examined.
        task: what is asked.
        positions: the position of each token.
        evaluation: how.
        lengths: at which lengths.
        facts: the run's columns of a row: task to train_length.
        curve: rows that are known already.
        found: called with the curve after every length.
    """
    decoder.eval()
    asked = task.examined()
    device = next(decoder.parameters()).device
    for length in lengths:
        if length in curve:
            continue
        started = time.perf_counter()
        with PeakMemory(device) as memory:
            batch = asked.sample(length, evaluation.examples, generator("eval", evaluation.seed, length))
            key = ("eval positions", evaluation.seed, length)
            verdicts = examine(decoder, batch, positions, key, evaluation.decode)
        correct = int(verdicts.exact.sum())
        low, high = clopper_pearson(correct, len(batch))
        errors = first_error(verdicts.right, verdicts.answer)
        errors = errors[errors >= 0].double()
        row = Row(
            **facts,
            decode=evaluation.decode,
            length=length,
            split="id" if length <= facts["train_length"] else "ood",
            examples=len(batch),
            correct=correct,
            exact_match=correct / len(batch),
            ci_low=low,
            ci_high=high,
            token_accuracy=float(verdicts.right.sum() / verdicts.answer.sum()),
            loss=verdicts.loss,
            first_error=float(errors.mean()) if len(errors) else None,
            seconds=round(time.perf_counter() - started, 4),
            peak_bytes=memory.peak,
        )
        curve = curve.add(row)
        found(curve)
    return curve


class PeakMemory:
    """Peak memory while a block runs, in bytes: what torch allocated on a GPU, else the resident size of the process.

    Where the system cannot reset its high-water mark (it can on Linux), the peak is that of the process so far.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.peak = 0

    def __enter__(self) -> PeakMemory:  # noqa: PYI034  # Self cannot be checked at run time
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
        else:
            with suppress(OSError):
                Path("/proc/self/clear_refs").write_text("5")
        return self

    def __exit__(self, *_: object) -> None:
        self.peak = (
            torch.cuda.max_memory_allocated(self.device) if self.device.type == "cuda" else resident_peak()
        )


def resident_peak() -> int:
    """High-water mark of the resident size of this process, in bytes."""
    with suppress(OSError):
        if found := re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text()):
            return int(found[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
