"""The decoder: a pre-norm transformer that calls the contracts of `pe` and `attention` and never asks which it has."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

import torch
from einops import rearrange
from jaxtyping import Float, Int, Real
from torch import Tensor, nn

from lengen.attention import AttentionRule
from lengen.block.flex_bias import NARROWEST, DistanceBias, serves
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


@dataclass(frozen=True)
class Architecture:
    """The size and the make of a decoder.

    Args:
        layers: blocks with weights of their own.
        dim: width of the residual stream.
        heads: attention heads; divides dim.
        hidden: width of the feed-forward layer, as a multiple of dim.
        activation: `gelu`, or `swiglu` (Shazeer 2020, gated; has a third matrix).
        tied: whether the output shares the token embedding.
        dropout: on embeddings and on what each block adds.
        loops: how often the stack of blocks is applied, with the same weights.
        inject: whether each further loop adds the embeddings again (input injection, McLeish et al. 2024).
        bos: whether examples start with a bos token.
    """

    revision: ClassVar[int] = 1
    """Goes up in the change that alters what the class computes or draws; a part of every cell's identity."""

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
            require(getattr(self, name) >= 1, f"decoder.{name}={getattr(self, name)}: allowed is 1 or more")
        require(
            self.dim % self.heads == 0,
            f"decoder.dim={self.dim}: does not divide by decoder.heads={self.heads}",
        )
        require(self.hidden > 0, f"decoder.hidden={self.hidden}: allowed is above 0")
        require(0 <= self.dropout < 1, f"decoder.dropout={self.dropout}: allowed is 0 up to, but not, 1")

    @property
    def shape(self) -> Shape:
        """What parts need to know."""
        return Shape(self.dim, self.heads, self.layers)


@dataclass
class DecoderCache:
    """What was read so far: the positions of its tokens, and a cache for each block of each loop."""

    positions: Tensor | None = None
    blocks: dict[tuple[int, int], DecodingCache] = field(default_factory=lambda: defaultdict(DecodingCache))

    def seen(self, positions: Real[Tensor, "#batch time *streams"]) -> Real[Tensor, "#batch all *streams"]:
        """Take in the positions of new tokens; those of all tokens come back."""
        if self.positions is None:
            self.positions = positions
        else:
            rows = max(len(self.positions), len(positions))
            parts = [part.expand(rows, *part.shape[1:]) for part in (self.positions, positions)]
            self.positions = torch.cat(parts, 1)
        return self.positions


@dataclass(frozen=True)
class SharedInputs:
    """What every block of one forward pass shares."""

    table: Tensor | None
    bias: Tensor | None
    query: Tensor
    key: Tensor
    cache: DecoderCache | None
    distance_bias: DistanceBias | None = None

    def inputs(self, x: Float[Tensor, "batch time dim"], slot: tuple[int, int]) -> BlockInputs:
        """The pass as the block of a slot (loop and layer) sees it."""
        cache = BlockCache() if self.cache is None else self.cache.blocks[slot]
        return BlockInputs(x, slot[1], self.query, self.key, cache, self.distance_bias)


class Attention(nn.Module):
    """Multi-head attention over what the block reads."""

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
        reading: SharedInputs,
        slot: tuple[int, int],
    ) -> Float[Tensor, "batch time dim"]:
        """Attend from the new tokens to all tokens so far."""
        inputs = reading.inputs(x, slot)
        query, key, value = (
            rearrange(
                project(x), "batch time (heads head_dim) -> batch heads time head_dim", heads=self.heads
            )
            for project in (self.query, self.key, self.value)
        )
        query, key, value = pe.transform(query, key, value, reading.table, inputs)
        key, value = inputs.cache.extend("key", key), inputs.cache.extend("value", value)
        bias = together(reading.bias, pe.context(query, key, inputs), inputs)
        mixed = self.rule(query, key, value, bias, inputs)
        out: Tensor = self.out(rearrange(mixed, "batch heads time head_dim -> batch time (heads head_dim)"))
        return out


class FeedForward(nn.Module):
    """Two matrices and a GELU, or three and a gated SiLU."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        width = round(architecture.dim * architecture.hidden)
        self.up = nn.Linear(architecture.dim, width, bias=False)
        self.gate = (
            nn.Linear(architecture.dim, width, bias=False) if architecture.activation == "swiglu" else None
        )
        self.down = nn.Linear(width, architecture.dim, bias=False)

    def forward(self, x: Float[Tensor, "batch time dim"]) -> Float[Tensor, "batch time dim"]:
        """Token by token."""
        up = self.up(x)
        active = nn.functional.gelu(up) if self.gate is None else nn.functional.silu(self.gate(x)) * up
        down: Tensor = self.down(active)
        return down


class Block(nn.Module):
    """Attention and feed-forward, each behind an RMSNorm and added to the stream."""

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
        reading: SharedInputs,
        slot: tuple[int, int],
    ) -> Float[Tensor, "batch time dim"]:
        """One step of the residual stream."""
        x = x + self.dropout(self.attention(self.attention_norm(x), pe, reading, slot))
        x = x + self.dropout(self.feed(self.feed_norm(x)))
        return x  # noqa: RET504  # a module's call is Any to the type checker


class Decoder(nn.Module):
    """Tokens and their positions to logits over the next token: a pure function of parameters and inputs.

    Args:
        architecture: size and make.
        vocabulary: number of token ids.
        pe: makes the positional encoding, one for all layers.
        attention: makes the attention rule, one a layer.
        flex: whether, on CUDA, a bias by distance is looked up by FlexAttention and no mask is made of it.
    """

    def __init__(
        self,
        architecture: Architecture,
        vocabulary: int,
        pe: Callable[[Shape], PositionalEncoding],
        attention: Callable[[Shape], AttentionRule],
        flex: bool = False,
    ) -> None:
        super().__init__()
        self.architecture, self.flex = architecture, flex
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
        """The attention of every layer."""
        return [block.attention.rule for block in self.blocks]  # type: ignore[union-attr,misc]

    def _initialise(self) -> None:
        """Unit embeddings; matrices at 1/sqrt(fan-in), those that write to the stream smaller with depth."""
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
    ) -> Float[Tensor, "batch time vocab"]:
        """Logits after every token.

        Args:
            tokens: the new tokens: all of them, or with a cache those that follow what it holds.
            positions: of the new tokens.
            cache: what was read before; taken further in place.
        """
        embedded = self.dropout(self.pe.embed(self.embedding(tokens), positions))
        seen = positions if cache is None else cache.seen(positions)
        distance_bias = self._lags(positions, seen)
        bias = None if distance_bias else causal(self.pe.logit_bias(positions, seen), positions, seen)
        reading = SharedInputs(self.pe.make_table(positions), bias, positions, seen, cache, distance_bias)
        x = embedded
        for loop in range(self.architecture.loops):
            if loop and self.architecture.inject:
                x = x + embedded
            for layer, block in enumerate(self.blocks):
                x = block(x, self.pe, reading, (loop, layer))
        x = self.norm(x)
        logits: Tensor = self.head(x * self.architecture.dim**-0.5 if self.architecture.tied else x)
        return logits

    def _lags(
        self, positions: Real[Tensor, "#batch time *streams"], seen: Real[Tensor, "#batch all *streams"]
    ) -> DistanceBias | None:
        """The bias as a table of distances, where FlexAttention may read one; None leaves it to a mask.

        A bias of positions alone that no common shift changes is one of distances.
        """
        able = self.flex and serves(positions.device) and self.architecture.shape.head_dim >= NARROWEST
        alone = positions.shape[1] == seen.shape[1] > 1 and not positions.is_floating_point()
        by_distance = self.pe.relative and self.pe.streams is None
        if not (able and alone and by_distance and all(rule.only_sharpens for rule in self.rules)):
            return None
        line = torch.arange(int(positions.max() - positions.min()) + 1, device=positions.device).unsqueeze(0)
        bias = self.pe.logit_bias(line[:, -1:], line)
        return None if bias is None else DistanceBias(bias[0, :, 0].flip(-1), positions)


def causal(
    bias: LogitBias | None,
    query: QueryPositions,
    key: KeyPositions,
) -> MaskedBias | None:
    """A bias that hides later keys; None where the attention's own causal mask says it all."""
    queries, keys = query.shape[1], key.shape[1]
    if queries == 1 or (bias is None and queries == keys):
        return bias  # a single query sees every key
    if bias is None:
        bias = torch.zeros(1, 1, queries, keys, device=key.device)
    return bias.masked_fill(later(queries, keys, key.device), -torch.inf)


def together(
    shared: MaskedBias | None,
    own: MaskedBias | None,
    inputs: BlockInputs,
) -> MaskedBias | None:
    """The bias of a pass and that of one block."""
    if own is None:
        return shared
    return causal(own, inputs.query, inputs.key) if shared is None else shared + own
