"""Learned absolute embeddings (Gehring et al. 2017; Radford et al. 2018)."""

from __future__ import annotations

import torch
from jaxtyping import Float, Real
from torch import Tensor, nn

from lengen.block.inputs import Shape
from lengen.config.errors import require
from lengen.pe import PositionalEncoding


class Learned(PositionalEncoding):
    """One learned vector per position, added to the token embedding.

    Rows that training never visits keep their random initial values (weight decay does not apply to them): beyond the
    trained length this encoding is noise, unless `positions` visits every row. Positions outside the table are refused.
    Cost: fused attention, time quadratic and memory linear in tokens.

    Args:
        shape: the decoder's shape.
        maximum: number of rows of the table.
        std: standard deviation of the initial values.
    """

    both_ways = True
    relative = False
    whole = True

    def __init__(self, shape: Shape, maximum: int = 1024, std: float = 0.02) -> None:
        super().__init__(shape)
        require(maximum >= 1, f"pe.maximum={maximum}: must be at least 1")
        require(std >= 0, f"pe.std={std}: must be at least 0")
        self.rows = nn.Parameter(torch.randn(maximum, shape.dim) * std)

    @property
    def budget(self) -> int:
        """Number of rows of the table."""
        return self.rows.shape[0]

    def embed(
        self, x: Float[Tensor, "batch time dim"], positions: Real[Tensor, "#batch time"]
    ) -> Float[Tensor, "batch time dim"]:
        """Add the row of each position."""
        return x + self.rows[positions]
