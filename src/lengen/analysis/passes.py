"""Forward passes over a test set, a few examples at a time, and what a read-out keeps of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, NamedTuple, TypeVar

import torch
from jaxtyping import Bool, Float, Int, Real
from torch import Tensor
from torch.nn.functional import pad

from lengen.decoder import Decoder
from lengen.evaluation.metrics import prompts
from lengen.positions import Positions, within
from lengen.sampling import generator
from lengen.task import Batch

Kept = TypeVar("Kept")
Read = Callable[[Decoder, Tensor, Tensor, Tensor | None], Kept]
"""Gets the decoder, tokens [batch time], their positions [#batch time *streams], and the sizes of prompts [batch] if the decoder reads
them; returns what is kept of the pass."""
TOKENS = 8192
"""Tokens of a pass, so that small decoders read many examples at once."""


def in_chunks(
    decoder: Decoder,
    batch: Batch,
    positions: Positions,
    key: tuple[str | int, ...],
    read: Read[Kept],
    rows: int | None = None,
) -> Iterator[tuple[Batch, Kept]]:
    """Yield the examples as the decoder reads them, with what is kept of their pass.

    Args:
        decoder: in evaluation mode.
        batch: the examples as the task draws them, without bos.
        positions: rule that gives each token its position.
        key: key of the generator for random positions, which are drawn for all examples together.
        read: runs the decoder.
        rows: examples at a time; None for `TOKENS` tokens.
    """
    batch = batch.begin() if decoder.architecture.bos else batch
    device = next(decoder.parameters()).device
    placed = within(positions(batch, generator(*key), training=False), decoder.budget)
    size = rows or max(TOKENS // batch.time, 1)
    for start in range(0, len(batch), size):
        chunk = slice(start, start + size)
        part = batch.rows(chunk)
        own = (placed if placed.shape[0] == 1 else placed[chunk])[:, : part.time]
        prompt = prompts(part.answer).to(device) if decoder.reads_prompts else None
        yield part, read(decoder, part.tokens.to(device), own.to(device), prompt)


class Pass(NamedTuple):
    """What a forward pass computed.

    Args:
        logits: over the next token.
        stream: the residual stream after each block, in the order of computation; a looped decoder has one per loop and block.
        embedded: the residual stream before the first block.
    """

    logits: Float[Tensor, "batch time vocab"]
    stream: tuple[Float[Tensor, "batch time dim"], ...]
    embedded: Float[Tensor, "batch time dim"]


@torch.no_grad()
def with_stream(
    decoder: Decoder,
    tokens: Int[Tensor, "batch time"],
    positions: Real[Tensor, "#batch time *streams"],
    prompt: Int[Tensor, " batch"] | None = None,
) -> Pass:
    """Run a decoder and keep the residual stream after each block."""
    stream: list[Tensor] = []
    before: list[Tensor] = []

    def keep(_: object, __: tuple[Any, ...], after: Tensor) -> None:
        stream.append(after)

    with ExitStack() as stack:
        first = decoder.blocks[0].register_forward_pre_hook(lambda _, given: before.append(given[0]))
        stack.callback(first.remove)
        for block in decoder.blocks:
            stack.callback(block.register_forward_hook(keep).remove)
        logits = decoder(tokens, positions, prompt=prompt)
    return Pass(logits, tuple(stream), before[0])


class AnswerQueries(NamedTuple):
    """The queries that predict an answer token or the end token.

    Args:
        row: example of each.
        query: column of each; the token that it predicts is in the next one.
        source: the prompt tokens with the same place as the predicted token; none where the task has no places.
    """

    row: Int[Tensor, " queries"]
    query: Int[Tensor, " queries"]
    source: Bool[Tensor, "queries key"]

    @property
    def keys(self) -> Int[Tensor, " queries"]:
        """Number of keys that each query sees under the causal mask, its own included."""
        return self.query + 1


def answer_queries(batch: Batch) -> AnswerQueries:
    """Return the queries that predict answer tokens.

    Args:
        batch: the examples as the decoder reads them, bos included.
    """
    row, query = pad(batch.answer[:, 1:], (0, 1)).nonzero(as_tuple=True)
    before = torch.arange(batch.time) <= query.unsqueeze(1)
    source = torch.zeros_like(before)
    if batch.places is not None:
        target = batch.places[row, query + 1].unsqueeze(1)
        source = (batch.places[row] == target) & (target > 0) & ~batch.answer[row] & before
    return AnswerQueries(row, query, source)
