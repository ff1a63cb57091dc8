"""Functional interpolation for relative positions, FIRE (Li et al. 2024, section 3)."""

from __future__ import annotations

import torch
from torch import nn

from lengen.block.inputs import KeyPosition, LogitBias, QueryPosition, Shape, wide
from lengen.config.errors import require
from lengen.pe.alibi import distances
from lengen.pe.layered import LayeredBias

LEAST = 1e-6
"""Added to the denominator."""


class FIRE(LayeredBias):
    """f(psi(query - key) / (psi(max(query, T)) + 1e-6)) with psi(x) = ln(|rate| x + 1), T = |stretch| * threshold.

    f is a small network, 1 to `hidden` (ReLU) to one number a head, with biases; rate (0.1 at first) and stretch (1 at
    first) are learned; added after scaling. Far beyond the trained length the ratio stays within 0 and 1, at
    distances that are rescaled to the query's own position: it reads where a token stands, and is not relative. A
    distance counts without its sign where positions do not increase, a case the paper does not have. The authors'
    code is not public: the formula is that of re-implementations, and so is the start of f, as torch starts linear
    layers. Attention with a bias mask that is learned: time and
    memory quadratic in tokens; and f, `hidden` numbers for every pair, once where examples share positions.

    Args:
        shape: the decoder it serves.
        hidden: width of f.
        threshold: first T; rows before it share one denominator. 512 in re-implementations that train on hundreds or
            thousands of tokens; 8 here, a quarter or so of the trained lengths that this is for.
        share_layers: one f for all layers (FIRE-S), or one a layer.
    """

    relative = False

    def __init__(
        self, shape: Shape, hidden: int = 32, threshold: float = 8.0, share_layers: bool = False
    ) -> None:
        super().__init__(shape, share_layers)
        require(hidden >= 1, f"pe.hidden={hidden}: allowed is 1 or more")
        require(threshold > 0, f"pe.threshold={threshold}: allowed is above 0")
        self.threshold = threshold
        self.rate, self.stretch = (
            nn.Parameter(torch.full((self.tables,), 0.1)),
            nn.Parameter(torch.ones(self.tables)),
        )
        self.up, self.up_bias = (nn.Parameter(torch.rand(self.tables, hidden) * 2 - 1) for _ in range(2))
        bound = hidden**-0.5
        self.down = nn.Parameter((torch.rand(self.tables, hidden, shape.heads) * 2 - 1) * bound)
        self.down_bias = nn.Parameter((torch.rand(self.tables, shape.heads) * 2 - 1) * bound)

    def learned(self, table: int, query: QueryPosition, key: KeyPosition) -> LogitBias:
        """The function of every ratio."""
        rate, least = wide(self.rate[table]).abs(), (wide(self.stretch[table]) * self.threshold).abs()
        own = torch.maximum(query.float(), least).unsqueeze(1).unsqueeze(-1)
        ratio = torch.log1p(rate * distances(query, key)) / (torch.log1p(rate * own) + LEAST)
        up, start, down, end = (
            wide(part[table]).unsqueeze(-1) for part in (self.up, self.up_bias, self.down, self.down_bias)
        )
        units = torch.addcmul(start, up, ratio.flatten(2)).relu()
        with torch.autocast(units.device.type, enabled=False):
            bias = down.squeeze(-1).mT @ units + end
        return bias.reshape(*bias.shape[:2], *ratio.shape[-2:])
