"""RCMHA: relative convolutional multi-head attention (2023)."""

from __future__ import annotations

import torch
from jaxtyping import Real
from torch import Tensor, nn
from torch.nn.functional import pad

from lengen.block.inputs import BlockInputs, Heads, Keys, Logits, Queries, Shape, wide
from lengen.config.errors import require
from lengen.pe import PositionalEncoding


class RCMHA(PositionalEncoding):
    """Convolve queries, keys and values over time, and add learned terms of the distance to the logits.

    A causal depthwise convolution over time, shared by heads, is applied to each of q, k and v (with zeros before the
    first token). The logit at distance D is then ((q_i + u) k_j + q_i r_D + w_D) / sqrt(d), as in Transformer-XL, with
    learned r, w and u. Convolutions start like torch's, r and w near zero, u at zero. Rows of distances that training
    never sees stay near zero, so that logits at those distances are nearly those of NoPE; positions beyond the table are
    refused.

    Cost: attention with a learned bias mask, one per example, and terms of every query with all distances that occur,
    time and memory quadratic in tokens. The cache keeps convolved keys and values, and the last projections before the
    convolution.

    The text of the paper was not available; this follows its code, whose training script builds an attention without the
    convolutions. Our interpretation: the convolution runs over the order of tokens, not over positions; r and w cover
    distances to earlier keys only; and they start with small random values where the code has zeros (`std`).

    Args:
        shape: the decoder's shape.
        maximum: number of rows of r and w, for positions 0 to maximum - 1 (4096 in the code).
        kernel: width of the convolutions in tokens, including the token itself.
        std: standard deviation of the initial r and w; 0 in the code.
        share_layers: whether all layers share r, w and u; each layer has its own convolutions.
    """

    distances = True
    whole = True

    def __init__(
        self,
        shape: Shape,
        maximum: int = 1024,
        kernel: int = 3,
        std: float = 0.001,
        share_layers: bool = False,
    ) -> None:
        super().__init__(shape)
        require(maximum >= 1, f"pe.maximum={maximum}: must be at least 1")
        require(kernel >= 1, f"pe.kernel={kernel}: must be at least 1")
        require(std >= 0, f"pe.std={std}: must be at least 0")
        rows, (heads, head_dim) = 1 if share_layers else shape.layers, (shape.heads, shape.head_dim)
        bound = kernel**-0.5  # that of torch's Conv1d with one channel per group
        self.taps = nn.Parameter(torch.empty(shape.layers, kernel, 3, head_dim).uniform_(-bound, bound))
        self.offsets = nn.Parameter(torch.empty(shape.layers, 3, head_dim).uniform_(-bound, bound))
        self.distance_keys = nn.Parameter(torch.randn(rows, heads, maximum, head_dim) * std)
        self.distance_biases = nn.Parameter(torch.randn(rows, heads, maximum) * std)
        self.query_biases = nn.Parameter(torch.zeros(rows, heads, head_dim))

    @property
    def budget(self) -> int:
        """Number of rows of the distance tables."""
        return self.distance_biases.shape[-1]

    def make_table(self, positions: Real[Tensor, "#batch time"]) -> None:
        """Make no table; refuse positions beyond the distance tables.

        Raises:
            UsageError: a position is not below `pe.maximum`.
        """
        require(
            bool((positions < self.budget).all()),
            f"pe.maximum={self.budget}: must be larger than every position",
        )

    def transform(
        self,
        query: Heads,
        key: Heads,
        value: Heads,
        table: Tensor | None,
        inputs: BlockInputs,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Convolve queries, keys and values over time."""
        new, taps = torch.stack([query, key, value], 3), self.taps[inputs.layer]
        time, width = new.shape[2], len(taps) - 1
        before = inputs.cache.get("projections")
        padded = pad(new, (0, 0, 0, 0, width, 0)) if before is None else torch.cat([before, new], 2)
        inputs.cache.put("projections", padded[:, :, time:])
        mixed = self.offsets[inputs.layer].expand_as(new)
        for back, tap in enumerate(taps):
            mixed = mixed + tap * padded[:, :, width - back : width - back + time]
        query, key, value = mixed.to(new.dtype).unbind(3)
        return query, key, value

    def context(
        self,
        query: Queries,
        key: Keys,
        inputs: BlockInputs,
    ) -> Logits:
        """(u k_j + q_i r_D + w_D) / sqrt(d)."""
        distance = (inputs.query.unsqueeze(-1) - inputs.key.unsqueeze(-2)).long().clamp(min=0).unsqueeze(1)
        rows, layer = int(distance.max()) + 1, inputs.layer % len(self.query_biases)
        tables = (self.distance_keys[layer, :, :rows], self.distance_biases[layer, :, :rows])
        with torch.autocast(query.device.type, enabled=False):
            query, key = wide(query), wide(key)
            keys, biases = (part.to(query.dtype) for part in tables)
            by_distance = query @ keys.mT + biases.unsqueeze(-2)
            by_key = self.query_biases[layer].to(query.dtype).unsqueeze(-2) @ key.mT
        distance_terms = by_distance.gather(-1, distance.expand(*by_distance.shape[:3], -1))
        bias: Tensor = (distance_terms + by_key) * self.shape.head_dim**-0.5
        return bias
