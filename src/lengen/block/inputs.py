"""Inputs of a block besides queries, keys and values, and its cache of earlier tokens."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Bool, Float, Int, Real
from torch import Tensor

from lengen.block.flex_bias import DistanceBias
from lengen.config.aliases import FIELDS, FormerName
from lengen.config.errors import UsageError

Heads = Float[Tensor, "batch heads time head_dim"]
"""Queries, keys or values of the new tokens, by head."""
Queries = Float[Tensor, "batch heads query head_dim"]
"""Queries of the new tokens, by head."""
Keys = Float[Tensor, "batch heads key head_dim"]
"""Keys or values of all tokens so far, by head."""
LogitBias = Float[Tensor, "#batch heads query key"]
"""What an encoding adds to scaled logits; the batch axis may be 1, for all examples."""
MaskedBias = Float[Tensor, "#batch #heads query key"]
"""A bias with minus infinity at masked keys; the head axis may be 1, for all heads."""
Logits = Float[Tensor, "batch heads query key"]
"""Logits or weights of all heads."""
QueryPosition = Real[Tensor, "#batch query"]
"""Positions of the new tokens, one per token."""
KeyPosition = Real[Tensor, "#batch key"]
"""Positions of all tokens so far, one per token."""
QueryPositions = Real[Tensor, "#batch query *streams"]
"""Positions of the new tokens, with an axis of streams if each token has several."""
KeyPositions = Real[Tensor, "#batch key *streams"]
"""Positions of all tokens so far, with an axis of streams if each token has several."""


@dataclass(frozen=True)
class Shape:
    """The decoder's shape, as its parts need it.

    Args:
        dim: width of the residual stream.
        heads: number of attention heads.
        layers: number of blocks with weights of their own (loops reuse them).
    """

    dim: int
    heads: int
    layers: int = 1

    @property
    def head_dim(self) -> int:
        """Channels of one head."""
        return self.dim // self.heads


class BlockCache:
    """State of one block by name, carried from one decoding step to the next. This class, for full passes, keeps nothing."""

    def get(self, name: str) -> Tensor | None:
        """Return what was stored under a name at the last step; None at the first step."""
        return None

    def put(self, name: str, value: Tensor) -> None:
        """Store a tensor for the next step, replacing the one of that name.

        Args:
            name: name of the stored tensor.
            value: the tensor, with the examples as first axis (of size 1 if all have the same).
        """

    def extend(self, name: str, new: Tensor) -> Tensor:
        """Append a tensor of the new tokens, and return that of all tokens so far.

        Args:
            name: name of the stored tensor.
            new: the part of the new tokens, with examples as first axis and time as third.
        """
        return new


@dataclass
class DecodingCache(BlockCache):
    """A cache that keeps its state between steps, for decoding token by token.

    Args:
        last: what was put, by name.
        lines: buffers of what is extended, by name.
        times: number of tokens in each buffer.
        room: tokens that a new buffer has room for.
    """

    last: dict[str, Tensor] = field(default_factory=dict)
    lines: dict[str, Tensor] = field(default_factory=dict)
    times: dict[str, int] = field(default_factory=dict)
    room: int = 0

    def get(self, name: str) -> Tensor | None:
        """See `BlockCache`."""
        return self.last.get(name)

    def put(self, name: str, value: Tensor) -> None:
        """See `BlockCache`."""
        self.last[name] = value

    def extend(self, name: str, new: Tensor) -> Tensor:
        """See `BlockCache`. Buffers grow by half of their size, so that a new token rarely copies all others."""
        known = self.times.get(name, 0)
        total = self.times[name] = known + new.shape[2]
        if not known and total >= self.room:
            self.lines[name] = new
            return new
        if not known or self.lines[name].shape[2] < total:
            size = max(self.room, total + total // 2 if known else 0)
            grown = new.new_empty((*new.shape[:2], size, *new.shape[3:]))
            if known:
                grown[:, :, :known] = self.lines[name][:, :, :known]
            self.lines[name] = grown
        self.lines[name][:, :, known:total] = new
        return self.lines[name][:, :, :total]

    def fork(self) -> DecodingCache:
        """Return a cache that continues from here in the same buffers: what one of the two adds overwrites what the other has added."""
        last = {name: value.clone() for name, value in self.last.items()}
        return DecodingCache(last, dict(self.lines), dict(self.times), self.room)

    def select(self, rows: Int[Tensor, " rows"]) -> None:
        """Keep some examples."""
        for held in (self.last, self.lines):
            held.update(
                {name: part.index_select(0, rows) for name, part in held.items() if part.shape[0] > 1}
            )


@dataclass(frozen=True)
class ClosedCache(BlockCache):
    """The cache of hooks that are given some queries alone; what they would keep of them would be of some tokens alone.

    Args:
        readers: names of the classes that have these hooks.
    """

    readers: str

    def get(self, name: str) -> Tensor | None:
        """Refuse, by name.

        Raises:
            UsageError: always.
        """
        raise UsageError(
            f"{self.readers}: a hook after `transform` uses the cache ({name!r}), and so needs the queries of all tokens; "
            "must not say `reads_queries = False`"
        )

    def put(self, name: str, value: Tensor) -> None:
        """See `get`."""
        self.get(name)

    def extend(self, name: str, new: Tensor) -> Tensor:
        """See `get`."""
        self.get(name)
        return new


@dataclass(frozen=True)
class BlockInputs:
    """What hooks may read in a block besides queries, keys and values.

    Args:
        x: the normalised input of the block's attention, of the new tokens.
        layer: index of the block, 0 to `Shape.layers` - 1.
        query: positions of the new tokens.
        key: positions of all tokens so far; the new ones come last.
        cache: cache of this block (and of this loop, in a looped decoder).
        distance_bias: a bias of distances for FlexAttention; None if the bias is a mask or there is none.
    """

    x: Float[Tensor, "batch query dim"]
    layer: int
    query: Real[Tensor, "#batch query *streams"]
    key: Real[Tensor, "#batch key *streams"]
    cache: BlockCache
    distance_bias: DistanceBias | None = None
    memory, lags = (FormerName(old, new) for old, new in FIELDS["BlockInputs"].items())

    def of_queries(self, first: int, readers: str) -> BlockInputs:
        """Return the inputs of the new tokens from column `first` on; keys are those of all tokens.

        Args:
            first: column of the first of these tokens, among the new ones.
            readers: names of the classes whose hooks read the inputs.
        """
        cut, cache = self.query[:, first:], ClosedCache(readers)
        return replace(self, x=self.x[:, first:], query=cut, cache=cache)

    @property
    def visible(self) -> Int[Tensor, " query"]:
        """Number of keys that each new token sees under the causal mask, including its own."""
        queries, keys = self.query.shape[1], self.key.shape[1]
        return torch.arange(keys - queries + 1, keys + 1, device=self.key.device)

    @property
    def back(self) -> Int[Tensor, "query key"]:
        """Distance in tokens from each new token back to each key; 0 is its own key, later keys are negative."""
        return self.visible.unsqueeze(-1) - 1 - torch.arange(self.key.shape[1], device=self.key.device)

    @property
    def later(self) -> Bool[Tensor, "query key"]:
        """Causal mask: True where a key comes after the new token."""
        return later(self.query.shape[1], self.key.shape[1], self.key.device)


def later(queries: int, keys: int, device: torch.device) -> Bool[Tensor, "query key"]:
    """Causal mask, True where a key comes after the query. The last query sees every key.

    Row i sees all but the last `queries - 1 - i` keys.
    """
    return torch.ones(queries, keys, dtype=torch.bool, device=device).triu(keys - queries + 1)


def wide(x: Tensor) -> Tensor:
    """Cast to float32, or leave float64 as it is; sums and exponentials of logits need this precision."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def finest(x: Tensor) -> Tensor:
    """Cast to float64, or to float32 on a device that has none; sums of angles over many tokens need this precision."""
    return x.to(torch.float32 if x.device.type == "mps" else torch.float64)
