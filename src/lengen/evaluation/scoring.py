"""Verdicts on examples: what a decoder would write, in one forward pass or token by token.

For argmax decoding and a fixed full answer, teacher-forced exact match is greedy exact match, since both fail at the first
error: examples cost one forward pass. `greedy` decodes with a KV cache instead, with the same verdicts. `free` lets the
decoder write until it ends, and scores what stands behind its scratchpad.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from jaxtyping import Bool, Int, Real
from torch import Tensor

from lengen.decoder import Decoder
from lengen.evaluation.decoding import greedy
from lengen.evaluation.metrics import answer_loss, ended, exact_match, right
from lengen.positions import Positions
from lengen.sampling import generator
from lengen.task import Batch

TOKENS = {"cpu": 8192}
"""Tokens in one forward pass, by device; shorter examples go in larger batches."""
MANY_TOKENS = 131072
NUMBERS = {"cpu": 2**27}
"""Cached numbers while decoding, by device: 512 MiB of float32."""
MANY_NUMBERS = 2**32
FREEDOM, SPARE = 1.25, 8
"""A free decoder may write 1.25 times as many tokens as the answer has, and 8 more."""


class Verdicts(NamedTuple):
    """What examining some examples found."""

    right: Bool[Tensor, "batch time"]
    answer: Bool[Tensor, "batch time"]
    loss: float

    @property
    def exact(self) -> Bool[Tensor, " batch"]:
        """Whether each answer is right, end token included."""
        return exact_match(self.right, self.answer)


def score(
    decoder: Decoder, batch: Batch, positions: Positions, key: tuple[str | int, ...], decode: str
) -> Verdicts:
    """Verdicts on examples, in as many passes as memory wants.

    Args:
        decoder: what is examined, in evaluation mode.
        batch: examples as the task draws them, without bos.
        positions: the position of each token.
        key: of the generator for random positions.
        decode: `teacher`, `greedy` or `free`.
    """
    batch = batch.begin() if decoder.architecture.bos else batch
    exam = Scorer(decoder, with_room(batch) if decode == "free" else batch, positions, key)
    predicted, loss = exam.read()
    if decode == "teacher":
        return Verdicts(right(predicted, exam.batch.tokens, exam.batch.answer), exam.batch.answer, loss)
    if decode == "greedy":
        written = exam.write(exam.batch.answer)
        return Verdicts(right(written, exam.batch.tokens, exam.batch.answer), exam.batch.answer, loss)
    written = exam.write(writable(exam.batch), stop=True)
    return Verdicts(ended(written, exam.batch), exam.batch.result, loss)


def with_room(batch: Batch) -> Batch:
    """Examples with columns for answers that run on."""
    return batch.room(int(_allowed(batch).max() - batch.answer.sum(1).max()))


def writable(batch: Batch) -> Bool[Tensor, "batch time"]:
    """Where a free decoder may write, in examples with room for it."""
    column = torch.arange(batch.time)
    start = batch.answer.long().argmax(1, keepdim=True)
    return (column >= start) & (column < start + _allowed(batch))


def _allowed(batch: Batch) -> Int[Tensor, "batch 1"]:
    """Tokens that a free decoder may write."""
    return (batch.answer.sum(1, keepdim=True) * FREEDOM).ceil().long() + SPARE


@dataclass(frozen=True)
class Scorer:
    """A decoder and the examples that it is asked.

    Args:
        decoder: in evaluation mode.
        batch: with bos where the decoder wants it, and with room for what may be written.
        positions: the position of each token.
        key: of the generator for random positions.
    """

    decoder: Decoder
    batch: Batch
    positions: Positions
    key: tuple[str | int, ...]

    @torch.no_grad()
    def read(self) -> tuple[Int[Tensor, "batch time"], float]:
        """The likeliest token at every place given the true ones before it, and the loss in nats an answer token."""
        predicted, nats = torch.zeros_like(self.batch.tokens), []
        whole = self._placed(self.batch.tokens, slice(None))

        def part(rows: slice) -> None:
            some = self.batch.rows(rows)
            here = (whole if whole.shape[0] == 1 else whole[rows])[:, : some.time]
            tokens, answer = some.tokens.to(here.device), some.answer.to(here.device)
            logits = self.decoder(tokens, here)
            predicted[rows, 1 : some.time] = logits[:, :-1].argmax(-1).cpu()
            nats.append(float(answer_loss(logits, tokens, answer)) * int(answer.sum()))

        time = int(self.batch.answer.any(0).nonzero().max()) + 1
        self._in_parts(TOKENS.get(self._device.type, MANY_TOKENS) // time, part)
        return predicted, sum(nats) / int(self.batch.answer.sum())

    def write(self, answer: Bool[Tensor, "batch time"], *, stop: bool = False) -> Int[Tensor, "batch time"]:
        """The examples with what the decoder writes in place of the answers.

        Args:
            answer: where to write.
            stop: whether to stop where every row has written an end token.
        """
        written, known = torch.zeros_like(self.batch.tokens), self.batch.tokens.clone()
        architecture, kind = self.decoder.architecture, self._device.type
        cached = 2 * architecture.loops * architecture.layers * architecture.dim * self.batch.time
        prompt = int((~answer & (self.batch.tokens > 0)).sum(1).max())
        fits = NUMBERS.get(kind, MANY_NUMBERS) // cached, 8 * TOKENS.get(kind, MANY_TOKENS) // prompt

        def part(rows: slice) -> None:
            def place(tokens: Int[Tensor, "batch time"]) -> Real[Tensor, "#batch time *streams"]:
                known[rows] = tokens.cpu()
                return self._placed(known, rows)

            tokens, there = self.batch.tokens[rows].to(self._device), answer[rows].to(self._device)
            written[rows] = greedy(self.decoder, tokens, there, place, stop=stop).cpu()

        self._in_parts(min(fits), part)
        return written

    @property
    def _device(self) -> torch.device:
        return next(self.decoder.parameters()).device

    def _placed(self, tokens: Int[Tensor, "all time"], rows: slice) -> Real[Tensor, "#batch time *streams"]:
        """Positions of some rows; drawn for all, so that they do not depend on how many fit into memory.

        Rows that are all the same are one row: tables and biases are then made once, not once an example.
        """
        drawn = self.positions(replace(self.batch, tokens=tokens), generator(*self.key), training=False)
        placed = drawn if drawn.shape[0] == 1 else drawn[rows]
        return (placed[:1] if bool((placed == placed[:1]).all()) else placed).to(self._device)

    def _in_parts(self, size: int, work: Callable[[slice], None]) -> None:
        """Work on all rows, some at a time: half as many where memory does not suffice."""
        start, size = 0, max(min(size, len(self.batch)), 1)
        while start < len(self.batch):
            try:
                work(slice(start, start + size))
            except torch.OutOfMemoryError:
                if size == 1:
                    raise
                size = math.ceil(size / 2)
                continue
            start += size
