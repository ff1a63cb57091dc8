"""Learned embeddings for tokens with several positions (Cho et al. 2024b)."""

from __future__ import annotations

from jaxtyping import Float, Real
from torch import Tensor, nn

from lengen.block.inputs import Shape
from lengen.pe import PositionalEncoding
from lengen.pe.learned import Learned


class Multilevel(PositionalEncoding):
    """One learned vector per position for each of two levels, both added to the token embedding.

    For `positions=multilevel` only. Positions outside the tables are refused. Cost: fused attention, time quadratic and
    memory linear in tokens.

    Args:
        shape: the decoder's shape.
        maximum: number of rows of each table.
        std: standard deviation of the initial values.
    """

    both_ways = True
    relative = False
    whole = True
    streams = 2

    def __init__(self, shape: Shape, maximum: int = 1024, std: float = 0.02) -> None:
        super().__init__(shape)
        self.levels = nn.ModuleList(Learned(shape, maximum, std) for _ in range(self.streams))

    @property
    def budget(self) -> int:
        """Number of rows of each table."""
        return self.levels[0].budget  # type: ignore[return-value]

    def embed(
        self, x: Float[Tensor, "batch time dim"], positions: Real[Tensor, "#batch time *streams"]
    ) -> Float[Tensor, "batch time dim"]:
        """Add the rows of each token's positions."""
        for table, level in zip(self.levels, positions.unbind(-1), strict=True):
            x = table.embed(x, level)  # type: ignore[operator]
        return x
