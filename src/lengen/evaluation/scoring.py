"""Verdicts on examples: which answer tokens a decoder gets right.

For argmax decoding, teacher-forced exact match equals greedy exact match, since both fail at the first wrong token. So
`teacher` needs one forward pass per example. `greedy` decodes with a KV cache instead, with the same verdicts. `free` lets
the decoder generate until its end token, and scores the result after the scratchpad. The loss is teacher-forced under all three;
prompts are read once for it and for decoding, and where the decoder writes the true answer nothing else is.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int, Real
from torch import Tensor
from torch.nn.functional import cross_entropy

from lengen.block.shared import DecoderCache
from lengen.decoder import Decoder
from lengen.evaluation.decoding import greedy, prompt_size, read_prompt
from lengen.evaluation.metrics import (
    answer_nats,
    endings,
    exact_match,
    first_error,
    prompts,
    read_columns,
    result_start,
    results,
    right,
)
from lengen.evaluation.reading import read
from lengen.positions import Positions, within
from lengen.records.verdicts import ENDINGS, StringVerdicts
from lengen.sampling import generator
from lengen.task import EOS, Batch

TOKENS = {"cpu": 8192}
"""Maximum number of tokens per forward pass, by device; shorter examples are evaluated in larger batches."""
MANY_TOKENS = 131072
NUMBERS = {"cpu": 2**27}
"""Maximum number of cached values while decoding, by device: 512 MiB of float32."""
MANY_NUMBERS = 2**32
NO_MEMORY = "DefaultCPUAllocator: can't allocate memory", "DefaultCPUAllocator: not enough memory"
"""What an error of a CPU's allocator says, on Unix and on Windows."""
FREEDOM, SPARE = 1.25, 8
"""Limit of free decoding: 1.25 times as many tokens as the answer has, plus 8."""


class Verdicts(NamedTuple):
    """Verdicts on some examples.

    Args:
        right: True where an answer token is right.
        answer: True on the tokens that are scored.
        loss: teacher-forced loss in nats per answer token.
        ending: how each answer ended, as an index into `ENDINGS`.
    """

    right: Bool[Tensor, "batch time"]
    answer: Bool[Tensor, "batch time"]
    loss: float
    ending: Int[Tensor, " batch"]

    @property
    def exact(self) -> Bool[Tensor, " batch"]:
        """Whether each answer is right, including its end token."""
        return exact_match(self.right, self.answer)

    @property
    def token_accuracy(self) -> float:
        """Share of right answer tokens, end tokens included."""
        return float(self.right.sum() / self.answer.sum())

    @property
    def scores(self) -> dict[str, float]:
        """Exact match, token accuracy and loss of all examples, by the names of a curve's columns."""
        exact = float(self.exact.double().mean())
        return {"exact_match": exact, "token_accuracy": self.token_accuracy, "loss": self.loss}

    @property
    def strings(self) -> StringVerdicts:
        """The verdicts on whole answers, for `verdicts.parquet`."""
        parts = (
            self.exact,
            first_error(self.right, self.answer),
            (self.answer & ~self.right).sum(1),
            self.ending,
            self.answer.sum(1),
        )
        return StringVerdicts(*(part.numpy() for part in parts))


def score(
    decoder: Decoder, batch: Batch, positions: Positions, key: tuple[str | int, ...], decode: str
) -> Verdicts:
    """Score examples, in as many passes as memory requires.

    Args:
        decoder: the decoder, in evaluation mode.
        batch: examples as the task draws them, without bos.
        positions: the position scheme.
        key: key of the generator for random positions.
        decode: `teacher`, `greedy` or `free`.
    """
    batch = batch.begin() if decoder.architecture.bos else batch
    scorer = Scorer(decoder, with_room(batch) if decode == "free" else batch, positions, key)
    batch = scorer.batch
    if decode == "free":
        return _free(scorer)
    predicted, loss = scorer.read() if decode == "teacher" else scorer.write(batch.answer)
    return verdicts(predicted, batch, batch.answer, loss)


def _free(scorer: Scorer) -> Verdicts:
    """Verdicts on the results of freely generated answers."""
    batch, room = scorer.batch, writable(scorer.batch)
    plain = (batch.answer & ~batch.scratchpad.unsqueeze(1)).any(0)
    written, loss = scorer.write(room, stop=int((plain * torch.arange(batch.time)).max()))
    found = verdicts(results(written, batch), batch, batch.result, loss)
    ended = (room & (written == EOS)).any(1)
    missing = result_start(written, batch) < 0
    never = ~ended & (missing | (found.ending == ENDINGS.index("ran_on")))
    ending = found.ending.masked_fill(ended & missing, ENDINGS.index("stopped_early"))
    return found._replace(ending=ending.masked_fill(never, ENDINGS.index("never_ended")))


def verdicts(
    predicted: Int[Tensor, "batch time"], batch: Batch, answer: Bool[Tensor, "batch time"], loss: float
) -> Verdicts:
    """Compare tokens with those of the answers.

    Args:
        predicted: the tokens that are scored, at the places of the answers.
        batch: the examples.
        answer: mask of the answers, or of their results.
        loss: teacher-forced loss in nats per answer token.
    """
    correct = right(predicted, batch.tokens, answer)
    return Verdicts(correct, answer, loss, endings(predicted, batch.tokens, answer))


def with_room(batch: Batch) -> Batch:
    """Pad examples so that answers can be longer than the true ones."""
    return batch.room(int(_allowed(batch).max() - batch.answer.sum(1).max()))


def writable(batch: Batch) -> Bool[Tensor, "batch time"]:
    """Where free decoding may generate, in examples that are padded for it."""
    column = torch.arange(batch.time)
    start = batch.answer.long().argmax(1, keepdim=True)
    return (column >= start) & (column < start + _allowed(batch))


def _allowed(batch: Batch) -> Int[Tensor, "batch 1"]:
    """Number of tokens that free decoding may generate."""
    return (batch.answer.sum(1, keepdim=True) * FREEDOM).ceil().long() + SPARE


@dataclass(frozen=True)
class Scorer:
    """Runs a decoder on examples.

    Args:
        decoder: the decoder, in evaluation mode.
        batch: the examples, with bos if the decoder uses it, and padded for what may be generated.
        positions: the position scheme.
        key: key of the generator for random positions.
    """

    decoder: Decoder
    batch: Batch
    positions: Positions
    key: tuple[str | int, ...]

    @torch.no_grad()
    def read(self) -> tuple[Int[Tensor, "batch time"], float]:
        """Teacher forcing: the likeliest token after the true previous tokens, and the loss in nats per answer token."""
        predicted, nats = torch.zeros_like(self.batch.tokens), []
        all_positions = self._placed(self.batch.tokens, slice(None))

        def part(rows: slice) -> None:
            batch = self.batch.rows(rows)
            first, end = read_columns(batch.answer)
            positions = (all_positions if all_positions.shape[0] == 1 else all_positions[rows])[:, :end]
            tokens, answer = batch.tokens.to(positions.device), batch.answer.to(positions.device)
            prompt = prompts(answer) if self.decoder.reads_prompts else None
            logits = read(self.decoder, tokens[:, :end], positions, first=first, prompt=prompt)
            predicted[rows, first + 1 : end + 1] = logits.argmax(-1).cpu()
            nats.append(float(answer_nats(logits, tokens, answer, first)))

        time = int(self.batch.answer.any(0).nonzero().max()) + 1
        self._in_parts(TOKENS.get(self._device.type, MANY_TOKENS) // time, part)
        return predicted, sum(nats) / int(self.batch.answer.sum())

    @torch.no_grad()
    def write(
        self, answer: Bool[Tensor, "batch time"], *, stop: int | None = None
    ) -> tuple[Int[Tensor, "batch time"], float]:
        """Greedy decoding: the examples with generated tokens in place of the answers, and the loss of `read`.

        Args:
            answer: where to generate; rows begin where their true answers do.
            stop: column from which a row is done once it has generated an end token; None for never.
        """
        written, known, nats = torch.zeros_like(self.batch.tokens), self.batch.tokens.clone(), []
        true_positions, fixed = self._placed(self.batch.tokens, slice(None)), not self.positions.reads_tokens
        architecture, kind = self.decoder.architecture, self._device.type
        streams = architecture.loops + bool(architecture.encoder)  # that have keys and values in a block
        cached = 2 * streams * architecture.layers * architecture.dim * self.batch.time
        prompt_tokens = int((~answer & (self.batch.tokens > 0)).sum(1).max())
        fits = NUMBERS.get(kind, MANY_NUMBERS) // cached, 8 * TOKENS.get(kind, MANY_TOKENS) // prompt_tokens

        def part(rows: slice | Tensor) -> None:
            def place(tokens: Int[Tensor, "batch time"]) -> Real[Tensor, "#batch time *streams"]:
                known[rows] = tokens.cpu()
                return self._placed(known, rows)

            tokens, true, where = (
                part[rows].to(self._device) for part in (self.batch.tokens, self.batch.answer, answer)
            )
            positions = true_positions if true_positions.shape[0] == 1 else true_positions[rows]
            size, own = prompt_size(where), torch.zeros(len(tokens), device=self._device)
            unheard = true.sum(1)  # tokens of the answer whose logits decoding has not shown

            def watch(here: Int[Tensor, " rows"], time: int, logits: Float[Tensor, "rows vocab"]) -> None:
                lost = cross_entropy(logits.float(), tokens[here, time], reduction="none")
                own[here] += lost * true[here, time]
                unheard[here] -= true[here, time].long()

            prompt = read_prompt(self.decoder, tokens[:, :size], positions[:, :size], self.batch.time, where)
            prefix = prompt.cache.fork()
            decoded = greedy(
                self.decoder, tokens, where, place, stop=stop, fixed=fixed, prompt=prompt, watch=watch
            )
            wrong = ((decoded != tokens) & true).any(1) | (unheard > 0)
            loss = float(own[~wrong].double().sum())
            if bool(wrong.any()):
                loss += self._continued(prefix, prompt.logits, wrong, tokens, positions, true)
            written[rows] = decoded.cpu()
            nats.append(loss)

        if self.decoder.whole_prompts:  # a prompt is read in one pass, and so are those of a size
            sizes = prompts(answer)
            for distinct in torch.unique(sizes).tolist():
                same = (sizes == distinct).nonzero().flatten()
                self._in_parts(min(fits), lambda chunk, same=same: part(same[chunk]), len(same))  # type: ignore[misc]
        else:
            self._in_parts(min(fits), part)
        return written, sum(nats) / int(self.batch.answer.sum())

    def _continued(
        self,
        prefix: DecoderCache,
        logits: Float[Tensor, "batch vocab"],
        chosen: Bool[Tensor, " batch"],
        tokens: Int[Tensor, "batch time"],
        positions: Real[Tensor, "#batch time *streams"],
        answer: Bool[Tensor, "batch time"],
    ) -> float:
        """Teacher-forced loss of some rows whose prompts have been read, as a sum in nats.

        Args:
            prefix: what the decoder keeps of the first tokens; used up.
            logits: logits after the last of them.
            chosen: which rows.
            tokens: the tokens.
            positions: their positions.
            answer: True on the tokens that are scored.
        """
        held, rows = prefix.tokens, chosen.nonzero().flatten()
        prefix.select(rows)
        parts, between = [logits[rows].unsqueeze(1)], slice(held, read_columns(answer[rows])[1])
        if between.stop > held:
            placed = positions if positions.shape[0] == 1 else positions[rows]
            parts.append(read(self.decoder, tokens[rows, between], placed[:, between], prefix))
        return float(answer_nats(torch.cat(parts, 1), tokens[rows], answer[rows], held - 1))

    @property
    def _device(self) -> torch.device:
        return next(self.decoder.parameters()).device

    def _placed(
        self, tokens: Int[Tensor, "all time"], rows: slice | Tensor
    ) -> Real[Tensor, "#batch time *streams"]:
        """Positions of some rows; drawn for all, so that they do not depend on how many fit into memory.

        If all rows are the same, one row is returned, so that tables and biases are computed once for all examples.
        """
        batch = replace(self.batch, tokens=tokens)
        drawn = self.positions(batch, generator(*self.key), training=False)
        drawn = within(drawn, self.decoder.budget)
        placed = drawn if drawn.shape[0] == 1 else drawn[rows]
        return (placed[:1] if bool((placed == placed[:1]).all()) else placed).to(self._device)

    def _in_parts(self, size: int, work: Callable[[slice], None], count: int | None = None) -> None:
        """Process all rows, or the first of them, `size` at a time; halve the size if memory runs out."""
        count = len(self.batch) if count is None else count
        start, size = 0, max(min(size, count), 1)
        while start < count:
            try:
                work(slice(start, start + size))
            except RuntimeError as error:
                if size == 1 or not out_of_memory(error):
                    raise
                size = math.ceil(size / 2)
                continue
            start += size


def out_of_memory(error: RuntimeError) -> bool:
    """Whether an error says that memory ran out: torch has a class for it on GPUs, and words of its allocator on CPUs."""
    return isinstance(error, torch.OutOfMemoryError) or any(sign in str(error) for sign in NO_MEMORY)
