"""How positions enter the decoder: the contract that every positional encoding implements.

The decoder calls every hook and never asks which encoding it has; a hook that is not overridden does nothing.

| hook | when | for whom |
|---|---|---|
| `embed` | once, on the token embeddings | learned, sinusoidal |
| `table` | once a forward pass, from the positions of the new tokens | rope |
| `rotate` | in every block, on queries and on keys | rope |
| `bias` | once a forward pass, for any query and key positions | alibi, t5 |

Angles, distances and biases are float32 whatever the precision of the activations; one module serves all layers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float, Real
from torch import Tensor, nn


@dataclass(frozen=True)
class Shape:
    """What a part of the decoder may need to know of it."""

    dim: int
    heads: int

    @property
    def head_dim(self) -> int:
        """Channels of one head."""
        return self.dim // self.heads


class PositionalEncoding(nn.Module):
    """A positional encoding that does nothing, hook by hook.

    Args:
        shape: the decoder it serves.
    """

    reads: ClassVar[bool] = True
    """False if positions never reach the decoder."""
    distances: ClassVar[bool] = False
    """True if only distances to earlier tokens are defined, so that positions must increase along time."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape

    @property
    def budget(self) -> int | None:
        """Number of positions that are defined, 0 to budget - 1; None where every position is."""
        return None

    def embed(
        self,
        x: Float[Tensor, "batch time dim"],
        positions: Real[Tensor, "#batch time"],
    ) -> Float[Tensor, "batch time dim"]:
        """Token embeddings with what the encoding adds to them."""
        return x

    def table(self, positions: Real[Tensor, "#batch time"]) -> Tensor | None:
        """What `rotate` needs for these positions, in float32; None for nothing."""
        return None

    def rotate(
        self, x: Float[Tensor, "batch heads time head_dim"], table: Tensor | None
    ) -> Float[Tensor, "batch heads time head_dim"]:
        """Queries or keys, turned by their own positions."""
        return x

    def bias(
        self,
        query: Real[Tensor, "#batch query"],
        key: Real[Tensor, "#batch key"],
    ) -> Float[Tensor, "#batch heads query key"] | None:
        """What is added to the scaled logits, in float32; values at key positions after the query's are ignored."""
        return None
