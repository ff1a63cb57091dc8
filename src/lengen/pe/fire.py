"""FIRE: functional interpolation for relative positions (Li et al. 2024, section 3)."""

from __future__ import annotations

import torch
from torch import nn

from lengen.block.inputs import KeyPosition, LogitBias, QueryPosition, Shape, wide
from lengen.config.errors import require
from lengen.pe.alibi import distances
from lengen.pe.layered import LayeredBias

EPSILON = 1e-6
"""Added to the denominator."""


class FIRE(LayeredBias):
    """f(psi(query - key) / (psi(max(query, T)) + 1e-6)) with psi(x) = ln(|rate| x + 1), T = |stretch| * threshold.

    f is a small network with biases: one input, `hidden` ReLU units, one output per head. rate (initially 0.1) and
    stretch (initially 1) are learned. The bias is added after scaling. Beyond the trained length the ratio stays in
    [0, 1], since distances are relative to the query's position; the encoding therefore depends on absolute positions.
    Distances are absolute values, which matters only if positions do not increase, a case the paper does not cover. The
    authors' code is not public: the formula follows re-implementations, and so do the initial values of f (those of
    torch's linear layers). Cost: attention with a learned bias mask, time and memory quadratic in tokens, and f,
    `hidden` numbers per pair, computed once if examples share positions.

    Args:
        shape: the decoder's shape.
        hidden: width of f.
        threshold: initial T; queries before it share one denominator. 512 in re-implementations that train on hundreds
            or thousands of tokens; the default of 8 is about a quarter of the train lengths used here.
        share_layers: whether all layers share one f (FIRE-S) or each has its own.
    """

    relative = False

    def __init__(
        self, shape: Shape, hidden: int = 32, threshold: float = 8.0, share_layers: bool = False
    ) -> None:
        super().__init__(shape, share_layers)
        require(hidden >= 1, f"pe.hidden={hidden}: must be at least 1")
        require(threshold > 0, f"pe.threshold={threshold}: must be above 0")
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
        """F of every ratio."""
        rate, threshold = wide(self.rate[table]).abs(), (wide(self.stretch[table]) * self.threshold).abs()
        normaliser = torch.maximum(query.float(), threshold).unsqueeze(1).unsqueeze(-1)
        ratio = torch.log1p(rate * distances(query, key)) / (torch.log1p(rate * normaliser) + EPSILON)
        up, up_bias, down, down_bias = (
            wide(part[table]).unsqueeze(-1) for part in (self.up, self.up_bias, self.down, self.down_bias)
        )
        units = torch.addcmul(up_bias, up, ratio.flatten(2)).relu()
        with torch.autocast(units.device.type, enabled=False):
            bias = down.squeeze(-1).mT @ units + down_bias
        return bias.reshape(*bias.shape[:2], *ratio.shape[-2:])
