"""What all blocks of one forward pass share, and the state of token-by-token decoding."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from jaxtyping import Float, Int, Real
from torch import Tensor

from lengen.block.flex_bias import DistanceBias
from lengen.block.inputs import (
    BlockCache,
    BlockInputs,
    DecodingCache,
    KeyPositions,
    LogitBias,
    MaskedBias,
    QueryPositions,
    later,
)


@dataclass
class DecoderCache:
    """State of token-by-token decoding: positions of the tokens so far, and a cache for each block of each loop.

    Args:
        positions: positions of the tokens so far; None before the first.
        blocks: the caches by loop and block.
        room: tokens that buffers have room for from the start; they grow if there are more.
        prompt: number of tokens before the answer of each row; None if nothing reads it.
    """

    positions: Tensor | None = None
    blocks: dict[tuple[int, int], DecodingCache] = field(default_factory=dict)
    room: int = 0
    prompt: Tensor | None = None

    @property
    def tokens(self) -> int:
        """Number of tokens so far."""
        return 0 if self.positions is None else self.positions.shape[1]

    def block(self, slot: tuple[int, int]) -> DecodingCache:
        """Return the cache of a block, by its loop and its index."""
        if slot not in self.blocks:
            self.blocks[slot] = DecodingCache(room=self.room)
        return self.blocks[slot]

    def fork(self) -> DecoderCache:
        """Return a cache that continues from here in the same memory. Of the two, one may be used once the other is done with."""
        blocks = {slot: block.fork() for slot, block in self.blocks.items()}
        return DecoderCache(self.positions, blocks, self.room, self.prompt)

    def select(self, rows: Int[Tensor, " rows"]) -> None:
        """Keep some examples.

        Args:
            rows: their indices.
        """
        if self.positions is not None and self.positions.shape[0] > 1:
            self.positions = self.positions.index_select(0, rows)
        if self.prompt is not None:
            self.prompt = self.prompt.index_select(0, rows)
        for block in self.blocks.values():
            block.select(rows)

    def prompts(self, prompt: Int[Tensor, " rows"] | None) -> Int[Tensor, " rows"] | None:
        """Keep the sizes of prompts if they are given, and return those that are kept."""
        self.prompt = self.prompt if prompt is None else prompt
        return self.prompt

    def seen(self, positions: Real[Tensor, "#batch time *streams"]) -> Real[Tensor, "#batch all *streams"]:
        """Append the positions of new tokens, and return those of all tokens so far."""
        if self.positions is None:
            self.positions = positions
        else:
            rows = max(len(self.positions), len(positions))
            parts = [part.expand(rows, *part.shape[1:]) for part in (self.positions, positions)]
            self.positions = torch.cat(parts, 1)
        return self.positions


@dataclass(frozen=True)
class SharedInputs:
    """What all blocks of one forward pass share.

    Args:
        table: the result of `make_table`.
        bias: the result of `logit_bias` with the causal mask; None for the causal mask only.
        query: positions of the new tokens.
        key: positions of all tokens so far.
        cache: state of decoding; None in a full pass.
        distance_bias: the bias as a table over distances, in place of `bias`.
        prompt: number of first keys of each row that all of its tokens see; None for none.
        answers: number of tokens before the answer of each row, where those before the last of them are read by an encoder alone; None
            if there is no encoder.
        encoded: what the encoder wrote of these tokens; None if there is none, or if a cache holds keys and values of it.
    """

    table: Tensor | None
    bias: Tensor | None
    query: Tensor
    key: Tensor
    cache: DecoderCache | None
    distance_bias: DistanceBias | None = None
    prompt: Tensor | None = None
    answers: Tensor | None = None
    encoded: Tensor | None = None

    def masked(self, bias: LogitBias | None) -> MaskedBias | None:
        """Return the bias of some encoding with what these tokens do not see; see `causal`."""
        return causal(bias, self.query, self.key, self.prompt, self.answers)

    def inputs(self, x: Float[Tensor, "batch time dim"], slot: tuple[int, int]) -> BlockInputs:
        """The inputs of one block.

        Args:
            x: the normalised input of the block's attention.
            slot: index of the loop, and of the block within it.
        """
        cache = BlockCache() if self.cache is None else self.cache.block(slot)
        return BlockInputs(x, slot[1], self.query, self.key, cache, self.distance_bias)


def causal(
    bias: LogitBias | None,
    query: QueryPositions,
    key: KeyPositions,
    prompt: Int[Tensor, " _rows"] | None = None,
    answers: Int[Tensor, " _rows"] | None = None,
) -> MaskedBias | None:
    """Add the causal mask to a bias; None if the causal mask of the attention kernel suffices.

    Args:
        bias: the bias; None for none.
        query: positions of the new tokens.
        key: positions of all tokens so far.
        prompt: number of first keys of each row that all of its tokens see; None for none.
        answers: number of tokens before the answer of each row, of which those before the last see nothing but themselves, and are seen
            by no other; None for none.
    """
    queries, keys = query.shape[1], key.shape[1]
    if answers is None and (queries == 1 or (bias is None and queries == keys and prompt is None)):
        return bias  # a single query sees every key
    if bias is None:
        bias = torch.zeros(1, 1, queries, keys, device=key.device)
    hidden = later(queries, keys, key.device)
    if prompt is not None:
        hidden = hidden & (torch.arange(keys, device=key.device) >= prompt.view(-1, 1, 1, 1))
    if answers is not None:
        columns = torch.arange(keys, device=key.device)
        others = columns != columns[keys - queries :, None]
        hidden = hidden | (others & (columns < answers.view(-1, 1, 1, 1) - 1))
    return bias.masked_fill(hidden, -torch.inf)
