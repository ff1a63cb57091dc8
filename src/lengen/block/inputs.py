"""What a block may read beside its queries, keys and values, and what it keeps of the tokens read so far."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from jaxtyping import Bool, Float, Int, Real
from torch import Tensor

from lengen.block.flex_bias import DistanceBias
from lengen.config.aliases import FIELDS, FormerName

Heads = Float[Tensor, "batch heads time head_dim"]
"""Queries, keys or values of the new tokens, by head."""
Queries = Float[Tensor, "batch heads query head_dim"]
"""Queries of the new tokens, by head."""
Keys = Float[Tensor, "batch heads key head_dim"]
"""Keys or values of all tokens so far, by head."""
LogitBias = Float[Tensor, "#batch heads query key"]
"""What an encoding adds to scaled logits; one row of examples serves all."""
MaskedBias = Float[Tensor, "#batch #heads query key"]
"""A bias that hides keys by minus infinity; one head serves all."""
Logits = Float[Tensor, "batch heads query key"]
"""Logits or weights of all heads."""
QueryPosition = Real[Tensor, "#batch query"]
"""Positions of the new tokens, one a token."""
KeyPosition = Real[Tensor, "#batch key"]
"""Positions of all tokens so far, one a token."""
QueryPositions = Real[Tensor, "#batch query *streams"]
"""Positions of the new tokens, with an axis of streams where a token has several."""
KeyPositions = Real[Tensor, "#batch key *streams"]
"""Positions of all tokens so far, with an axis of streams where a token has several."""


@dataclass(frozen=True)
class Shape:
    """What a part of the decoder may need to know of it; `layers` are those with weights of their own."""

    dim: int
    heads: int
    layers: int = 1

    @property
    def head_dim(self) -> int:
        """Channels of one head."""
        return self.dim // self.heads


class BlockCache:
    """What one block keeps of earlier tokens, by name. This one serves a full pass: nothing came before, nothing is kept."""

    def get(self, name: str) -> Tensor | None:
        """What was put under a name at the last step; None at the first."""
        return None

    def put(self, name: str, value: Tensor) -> None:
        """Keep something for the next step, in place of what has the name."""

    def extend(self, name: str, new: Tensor) -> Tensor:
        """Take in something of the new tokens; that of all tokens comes back.

        Args:
            name: of what is kept.
            new: with time as third axis.
        """
        return new


@dataclass
class DecodingCache(BlockCache):
    """A cache that lasts from step to step, for decoding token by token."""

    last: dict[str, Tensor] = field(default_factory=dict)
    lines: dict[str, Tensor] = field(default_factory=dict)
    times: dict[str, int] = field(default_factory=dict)

    def get(self, name: str) -> Tensor | None:
        """See `BlockCache`."""
        return self.last.get(name)

    def put(self, name: str, value: Tensor) -> None:
        """See `BlockCache`."""
        self.last[name] = value

    def extend(self, name: str, new: Tensor) -> Tensor:
        """Write what is new behind what is held, in a buffer that grows by halves: a token costs no copy of all."""
        known = self.times.get(name, 0)
        total = self.times[name] = known + new.shape[2]
        if not known:
            self.lines[name] = new
        elif self.lines[name].shape[2] < total:
            grown = new.new_empty((*new.shape[:2], total + total // 2, *new.shape[3:]))
            grown[:, :, :known] = self.lines[name][:, :, :known]
            self.lines[name] = grown
        if known:
            self.lines[name][:, :, known:total] = new
        return self.lines[name][:, :, :total]


@dataclass(frozen=True)
class BlockInputs:
    """One block's view of a forward pass.

    Args:
        x: what the block's attention reads, normalised: the new tokens.
        layer: which of the blocks that have weights of their own.
        query: positions of the new tokens.
        key: positions of all tokens so far; the newest stand last.
        cache: of this block, and in a looped decoder of this loop.
        distance_bias: a bias by distance that no mask was made of; None leaves all to the mask.
    """

    x: Float[Tensor, "batch query dim"]
    layer: int
    query: Real[Tensor, "#batch query *streams"]
    key: Real[Tensor, "#batch key *streams"]
    cache: BlockCache
    distance_bias: DistanceBias | None = None
    memory, lags = (FormerName(old, new) for old, new in FIELDS["BlockInputs"].items())

    @property
    def visible(self) -> Int[Tensor, " query"]:
        """How many keys each new token sees under the causal mask: all up to itself."""
        queries, keys = self.query.shape[1], self.key.shape[1]
        return torch.arange(keys - queries + 1, keys + 1, device=self.key.device)

    @property
    def back(self) -> Int[Tensor, "query key"]:
        """How many tokens each key lies behind each new token; 0 is its own, negative are later ones."""
        return self.visible.unsqueeze(-1) - 1 - torch.arange(self.key.shape[1], device=self.key.device)

    @property
    def later(self) -> Bool[Tensor, "query key"]:
        """Which keys come after which of the new tokens."""
        return later(self.query.shape[1], self.key.shape[1], self.key.device)


def later(queries: int, keys: int, device: torch.device) -> Bool[Tensor, "query key"]:
    """Which keys come after which queries: the newest query sees every key.

    Row i of `queries` rows sees all but the last `queries - 1 - i` keys.
    """
    return torch.ones(queries, keys, dtype=torch.bool, device=device).triu(keys - queries + 1)


def wide(x: Tensor) -> Tensor:
    """In float32, or in float64 where it was that: sums and exponents of logits want it."""
    return x.to(torch.promote_types(x.dtype, torch.float32))
