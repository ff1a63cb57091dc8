"""Attention weights over a test set, a few examples at a time."""

from __future__ import annotations

from collections.abc import Iterator

from lengen.analysis.passes import in_chunks
from lengen.decoder import Decoder
from lengen.evaluation.attention_weights import Slots, weights
from lengen.positions import Positions
from lengen.task import Batch

MAX_WEIGHTS = 2**23
"""Largest number of weights in memory at once, over all heads: 32 MiB of float32."""


def weights_in_chunks(
    decoder: Decoder, batch: Batch, positions: Positions, key: tuple[str | int, ...], rows: int | None = None
) -> Iterator[tuple[Batch, Slots]]:
    """Yield the examples as the decoder reads them, with its attention weights, a few at a time to bound memory.

    Args:
        decoder: in evaluation mode.
        batch: the examples as the task draws them, without bos.
        positions: rule that gives each token its position.
        key: key of the generator for random positions.
        rows: examples at a time; None chooses the number by `MAX_WEIGHTS`.
    """
    architecture = decoder.architecture
    time = batch.time + architecture.bos
    per_example = architecture.loops * architecture.layers * architecture.heads * time**2
    size = rows or max(MAX_WEIGHTS // per_example, 1)
    for part, slots in in_chunks(decoder, batch, positions, key, weights, size):
        yield part, {slot: values.cpu() for slot, values in slots.items()}
