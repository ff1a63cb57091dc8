"""The decoder: a pre-norm transformer with exchangeable positional encodings (`lengen.pe`) and attention rules.

It calls the hooks of `PositionalEncoding` and `AttentionRule` without knowing which encoding or rule it has. Blocks are
RMSNorm, attention, RMSNorm, feed-forward; the stack of blocks may be applied several times (`loops`).

    tokens, positions -> embedding + `pe.embed` -> blocks -> RMSNorm -> logits over the next token
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

import torch
from einops import rearrange
from jaxtyping import Float, Int, Real
from torch import Tensor, nn

from lengen.attention import AttentionRule
from lengen.block.flex_bias import MIN_HEAD_DIM, DistanceBias, supports
from lengen.block.inputs import (
    BlockCache,
    BlockInputs,
    DecodingCache,
    KeyPositions,
    LogitBias,
    MaskedBias,
    QueryPositions,
    Shape,
    later,
)
from lengen.config.aliases import moved_from
from lengen.config.errors import require
from lengen.pe import PositionalEncoding

if not TYPE_CHECKING:
    __getattr__ = moved_from(__name__)

WIDEST = 10_000
"""Widest feed-forward layer, as a multiple of `dim`."""


@dataclass(frozen=True)
class Architecture:
    """Size and structure of a decoder.

    Args:
        layers: number of blocks with weights of their own.
        dim: width of the residual stream.
        heads: number of attention heads; divides `dim`.
        hidden: width of the feed-forward layer, as a multiple of `dim`.
        activation: `gelu`, or `swiglu` (Shazeer 2020; gated, with a third matrix).
        tied: whether the output layer shares the token embedding.
        dropout: dropout rate of the embeddings and of each block's output.
        loops: number of times the stack of blocks is applied, with the same weights.
        inject: whether the embeddings are added again before each further loop (input injection, McLeish et al. 2024).
        bos: whether examples start with a bos token.
    """

    revision: ClassVar[int] = 1
    """Raised by every change to what the class computes or draws; part of a cell's identity."""

    layers: int = 2
    dim: int = 64
    heads: int = 4
    hidden: float = 4.0
    activation: Literal["gelu", "swiglu"] = "gelu"
    tied: bool = False
    dropout: float = 0.0
    loops: int = 1
    inject: bool = False
    bos: bool = True

    def __post_init__(self) -> None:
        for name in ("layers", "dim", "heads", "loops"):
            require(getattr(self, name) >= 1, f"decoder.{name}={getattr(self, name)}: must be at least 1")
        require(
            self.dim % self.heads == 0,
            f"decoder.dim={self.dim}: must be a multiple of decoder.heads={self.heads}",
        )
        require(
            0 < self.hidden <= WIDEST, f"decoder.hidden={self.hidden}: must be above 0 and at most {WIDEST}"
        )
        require(0 <= self.dropout < 1, f"decoder.dropout={self.dropout}: must be in [0, 1)")

    @property
    def shape(self) -> Shape:
        """The shape that encodings and attention rules are built with."""
        return Shape(self.dim, self.heads, self.layers)


@dataclass
class DecoderCache:
    """State of token-by-token decoding: positions of the tokens so far, and a cache for each block of each loop.

    Args:
        positions: positions of the tokens so far; None before the first.
        blocks: the caches by loop and block.
        room: tokens that buffers have room for from the start; they grow if there are more.
    """

    positions: Tensor | None = None
    blocks: dict[tuple[int, int], DecodingCache] = field(default_factory=dict)
    room: int = 0

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
        return DecoderCache(
            self.positions, {slot: block.fork() for slot, block in self.blocks.items()}, self.room
        )

    def select(self, rows: Int[Tensor, " rows"]) -> None:
        """Keep some examples.

        Args:
            rows: their indices.
        """
        if self.positions is not None and self.positions.shape[0] > 1:
            self.positions = self.positions.index_select(0, rows)
        for block in self.blocks.values():
            block.select(rows)

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
    """

    table: Tensor | None
    bias: Tensor | None
    query: Tensor
    key: Tensor
    cache: DecoderCache | None
    distance_bias: DistanceBias | None = None

    def inputs(self, x: Float[Tensor, "batch time dim"], slot: tuple[int, int]) -> BlockInputs:
        """The inputs of one block.

        Args:
            x: the normalised input of the block's attention.
            slot: index of the loop, and of the block within it.
        """
        cache = BlockCache() if self.cache is None else self.cache.block(slot)
        return BlockInputs(x, slot[1], self.query, self.key, cache, self.distance_bias)


class Attention(nn.Module):
    """Multi-head attention with an exchangeable rule."""

    def __init__(self, shape: Shape, rule: AttentionRule) -> None:
        super().__init__()
        self.heads, self.rule = shape.heads, rule
        self.query, self.key, self.value, self.out = (
            nn.Linear(shape.dim, shape.dim, bias=False) for _ in range(4)
        )

    def forward(
        self,
        x: Float[Tensor, "batch time dim"],
        pe: PositionalEncoding,
        shared: SharedInputs,
        slot: tuple[int, int],
        first: int = 0,
    ) -> Float[Tensor, "batch wanted dim"]:
        """Attend from the new tokens, from column `first` on, to all tokens so far."""
        inputs = shared.inputs(x, slot)
        query, key, value = (
            rearrange(
                project(x), "batch time (heads head_dim) -> batch heads time head_dim", heads=self.heads
            )
            for project in (self.query, self.key, self.value)
        )
        query, key, value = pe.transform(query, key, value, shared.table, inputs)
        key, value = inputs.cache.extend("key", key), inputs.cache.extend("value", value)
        bias, extra = shared.bias, first
        if first and not (pe.reads_queries or self.rule.reads_queries) and inputs.distance_bias is None:
            query, extra = query[:, :, first:], 0
            inputs = inputs.of_queries(first, f"{type(pe).__name__} or {type(self.rule).__name__}")
            bias = None if bias is None else bias[:, :, first:]
            if not query.shape[2]:
                return x[:, first:]  # keys and values alone were wanted
        bias = combined(bias, pe.context(query, key, inputs), inputs)
        mixed = self.rule(query, key, value, bias, inputs)[:, :, extra:]
        out: Tensor = self.out(rearrange(mixed, "batch heads time head_dim -> batch time (heads head_dim)"))
        return out


class FeedForward(nn.Module):
    """Feed-forward layer: two matrices and a GELU, or three and a gated SiLU."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        width = round(architecture.dim * architecture.hidden)
        self.up = nn.Linear(architecture.dim, width, bias=False)
        self.gate = (
            nn.Linear(architecture.dim, width, bias=False) if architecture.activation == "swiglu" else None
        )
        self.down = nn.Linear(width, architecture.dim, bias=False)

    def forward(self, x: Float[Tensor, "batch time dim"]) -> Float[Tensor, "batch time dim"]:
        """Apply the layer to each token."""
        up = self.up(x)
        active = nn.functional.gelu(up) if self.gate is None else nn.functional.silu(self.gate(x)) * up
        down: Tensor = self.down(active)
        return down


class Block(nn.Module):
    """Attention and feed-forward layer, each after an RMSNorm and added to the residual stream."""

    def __init__(self, architecture: Architecture, rule: AttentionRule) -> None:
        super().__init__()
        self.attention_norm, self.feed_norm = nn.RMSNorm(architecture.dim), nn.RMSNorm(architecture.dim)
        self.attention = Attention(architecture.shape, rule)
        self.feed = FeedForward(architecture)
        self.dropout = nn.Dropout(architecture.dropout)

    def forward(
        self,
        x: Float[Tensor, "batch time dim"],
        pe: PositionalEncoding,
        shared: SharedInputs,
        slot: tuple[int, int],
        first: int = 0,
    ) -> Float[Tensor, "batch wanted dim"]:
        """Return the residual stream after this block, from column `first` on."""
        x = x[:, first:] + self.dropout(self.attention(self.attention_norm(x), pe, shared, slot, first))
        x = x + self.dropout(self.feed(self.feed_norm(x)))
        return x  # noqa: RET504  # a module's call is Any to the type checker


class Decoder(nn.Module):
    """Map tokens and their positions to logits over the next token, as a pure function of parameters and inputs.

    Args:
        architecture: size and structure.
        vocabulary: number of token ids.
        pe: builds the positional encoding, one for all layers.
        attention: builds the attention rules, one per layer.
        flex: whether, on CUDA, biases of distances are computed by FlexAttention, without a mask.
        plain: whether the last block computes all tokens, also those whose logits are not wanted.
    """

    def __init__(
        self,
        architecture: Architecture,
        vocabulary: int,
        pe: Callable[[Shape], PositionalEncoding],
        attention: Callable[[Shape], AttentionRule],
        flex: bool = False,
        plain: bool = False,
    ) -> None:
        super().__init__()
        self.architecture, self.flex, self.plain = architecture, flex, plain
        self.embedding = nn.Embedding(vocabulary, architecture.dim)
        self.dropout = nn.Dropout(architecture.dropout)
        self.blocks = nn.ModuleList(
            Block(architecture, attention(architecture.shape)) for _ in range(architecture.layers)
        )
        for rule in self.rules:
            rule.check_hooks()
        for rule in self.rules[1:]:
            rule.share(self.rules[0])
        self.norm = nn.RMSNorm(architecture.dim)
        self.head = nn.Linear(architecture.dim, vocabulary, bias=False)
        self._initialise()
        self.pe = pe(architecture.shape)
        self.pe.check_hooks()

    @property
    def rules(self) -> list[AttentionRule]:
        """The attention rule of every layer."""
        return [block.attention.rule for block in self.blocks]  # type: ignore[union-attr,misc]

    def _initialise(self) -> None:
        """Initialise weights: embeddings at 1, matrices at 1/sqrt(fan-in), output matrices of blocks smaller with depth."""
        depth = 2 * len(self.blocks) * self.architecture.loops
        for name, weight in self.named_parameters():
            if weight.ndim == 2 and name.startswith("blocks") and ".rule." not in name:  # noqa: PLR2004
                writes = name.endswith(("out.weight", "down.weight"))
                nn.init.normal_(weight, std=weight.shape[1] ** -0.5 * (depth**-0.5 if writes else 1.0))
        nn.init.normal_(self.embedding.weight, std=1.0)
        if self.architecture.tied:
            self.head.weight = self.embedding.weight
        else:
            nn.init.normal_(self.head.weight, std=self.architecture.dim**-0.5)

    def forward(
        self,
        tokens: Int[Tensor, "batch time"],
        positions: Real[Tensor, "#batch time *streams"],
        cache: DecoderCache | None = None,
        first: int = 0,
    ) -> Float[Tensor, "batch wanted vocab"]:
        """Logits after every token from column `first` on.

        Of earlier tokens the last block computes keys and values alone, unless the decoder is `plain` or drops (the draws
        of dropout depend on the number of tokens).

        Args:
            tokens: all tokens; with a cache, those that follow the tokens it holds.
            positions: positions of these tokens.
            cache: state of decoding so far; updated in place.
            first: column of the first token, among these, whose logits are wanted; their number if none are.
        """
        cut = 0 if self.plain or (self.training and self.architecture.dropout) else first
        last = (self.architecture.loops - 1, self.architecture.layers - 1)
        embedded = self.dropout(self.pe.embed(self.embedding(tokens), positions))
        seen = positions if cache is None else cache.seen(positions)
        distance_bias = self._distance_bias(positions, seen)
        bias = None if distance_bias else causal(self.pe.logit_bias(positions, seen), positions, seen)
        shared = SharedInputs(self.pe.make_table(positions), bias, positions, seen, cache, distance_bias)
        x = embedded
        for loop in range(self.architecture.loops):
            if loop and self.architecture.inject:
                x = x + embedded
            for layer, block in enumerate(self.blocks):
                x = block(x, self.pe, shared, (loop, layer), cut if (loop, layer) == last else 0)
        x = self.norm(x[:, first - cut :])
        logits: Tensor = self.head(x * self.architecture.dim**-0.5 if self.architecture.tied else x)
        return logits

    def _distance_bias(
        self, positions: Real[Tensor, "#batch time *streams"], seen: Real[Tensor, "#batch all *streams"]
    ) -> DistanceBias | None:
        """The bias as a table over distances if FlexAttention can be used; None if a mask is needed.

        A bias of positions only that is invariant to a common shift is a bias of distances.
        """
        if not (positions.shape[1] == seen.shape[1] > 1 and self._flexible(positions)):
            return None
        span = torch.arange(int(positions.max() - positions.min()) + 1, device=positions.device).unsqueeze(0)
        bias = self.pe.logit_bias(span[:, -1:], span)
        return None if bias is None else DistanceBias(bias[0, :, 0].flip(-1), positions)

    def _flexible(self, positions: Real[Tensor, "#batch time *streams"]) -> bool:
        """Whether FlexAttention can compute a bias in a full pass."""
        supported = (
            self.flex and supports(positions.device) and self.architecture.shape.head_dim >= MIN_HEAD_DIM
        )
        of_distances = self.pe.relative and self.pe.streams is None and not positions.is_floating_point()
        return supported and of_distances and all(rule.only_sharpens for rule in self.rules)

    def cache(self, room: int) -> DecoderCache:
        """Return an empty cache with room for a number of tokens."""
        return DecoderCache(room=room)

    def squares(self, positions: Real[Tensor, "#batch time *streams"]) -> bool:
        """Whether a full pass holds numbers for all pairs of tokens: a bias, hidden keys or explicit weights.

        Args:
            positions: positions of the tokens.
        """
        one, of_content = positions[:1, :1], PositionalEncoding.context is not type(self.pe).context
        if not all(rule.linear for rule in self.rules) or of_content:
            return True
        return self.pe.logit_bias(one, one) is not None and not self._flexible(positions)


def causal(
    bias: LogitBias | None,
    query: QueryPositions,
    key: KeyPositions,
) -> MaskedBias | None:
    """Add the causal mask to a bias; None if the causal mask of the attention kernel suffices."""
    queries, keys = query.shape[1], key.shape[1]
    if queries == 1 or (bias is None and queries == keys):
        return bias  # a single query sees every key
    if bias is None:
        bias = torch.zeros(1, 1, queries, keys, device=key.device)
    return bias.masked_fill(later(queries, keys, key.device), -torch.inf)


def combined(
    shared: MaskedBias | None,
    own: MaskedBias | None,
    inputs: BlockInputs,
) -> MaskedBias | None:
    """The sum of the bias that all blocks share and that of one block, with the causal mask."""
    if shared is None:
        return causal(own, inputs.query, inputs.key)
    return shared if own is None else shared + own
