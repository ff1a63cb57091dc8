"""The attention weights of every head over one example of the test set, with its right answer."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import max_pool2d

from lengen.analysis.attention_weights import weights_in_chunks
from lengen.decoder import Decoder
from lengen.positions import Positions
from lengen.task import EOS, PAD, Batch

DOTS = 256
"""Largest number of queries and of keys that are drawn; of more, several together are one dot."""


class ExampleMap(NamedTuple):
    """Attention weights over an example; the end token, after which nothing is predicted, is left out.

    Args:
        weights: the largest weight of every block of queries and keys. A looped decoder has one layer per loop and block, in the
            order of computation.
        symbols: the tokens of the example, bos included.
        answer: index of the first token of the answer.
        block: queries, and keys, of a block.
    """

    weights: Float[Tensor, "layers heads query key"]
    symbols: tuple[str, ...]
    answer: int
    block: int


def example_map(
    decoder: Decoder, batch: Batch, positions: Positions, key: tuple[str | int, ...]
) -> ExampleMap:
    """Return the attention weights over the first example of a batch.

    Args:
        decoder: in evaluation mode.
        batch: the examples as the task draws them, without bos.
        positions: rule that gives each token its position.
        key: key of the generator for random positions.
    """
    part, slots = next(weights_in_chunks(decoder, batch, positions, key, rows=1))
    tokens = [token for token in part.tokens[0].tolist() if token != PAD]
    tokens = tokens[:-1] if tokens[-1] == EOS else tokens
    count = len(tokens)
    block = math.ceil(count / DOTS)
    stacked = torch.stack([slots[slot][0, :, :count, :count].float() for slot in sorted(slots)])
    pooled = max_pool2d(stacked, block, ceil_mode=True)
    answer = int(part.answer[0].nonzero()[0])
    return ExampleMap(pooled, tuple(batch.vocabulary.decode(tokens)), answer, block)
