"""Relative convolutional multi-head attention, RCMHA (2023)."""

from __future__ import annotations

import torch
from jaxtyping import Real
from torch import Tensor, nn
from torch.nn.functional import pad

from lengen.block.inputs import BlockInputs, Heads, Keys, Logits, Queries, Shape, wide
from lengen.config.errors import require
from lengen.pe import PositionalEncoding


class RCMHA(PositionalEncoding):
    """Queries, keys and values mixed with those of the tokens just before, and learned terms of the distance.

    A causal depthwise convolution over time, shared by heads, runs over each of q, k and v (tokens before the first are
    zeros). The logit of distance D is then ((q_i + u) k_j + q_i r_D + w_D) / sqrt(d), as in Transformer-XL with learned
    r, w and u. Convolutions start as torch's own do, r and w near zero, u at zero. Rows of distances that training never
    saw stay there, so the tail is nearly NoPE; a position beyond the table is refused.

    Attention with a bias mask that is learned: a mask an example, and terms of every query with all distances that
    occur, time and memory quadratic in tokens. A cache keeps raw (convolved) keys and the last projections before the
    convolution.

    The paper's text could not be read; this follows its code, whose training script builds an attention without the
    convolutions. Our interpretation: the convolution runs over the order of tokens, not over positions; r and w hold
    distances to earlier keys alone; and they start from a trace of noise where the code has zeros (`std`).

    Args:
        shape: the decoder it serves.
        maximum: rows of r and w: positions 0 to maximum - 1 (4096 in the code).
        kernel: taps of the convolutions, the token itself included.
        std: standard deviation of the initial r and w; 0 in the code.
        share_layers: whether all layers have the same r, w and u; convolutions are a layer's own.
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
        require(maximum >= 1, f"pe.maximum={maximum}: allowed is 1 or more")
        require(kernel >= 1, f"pe.kernel={kernel}: allowed is 1 or more")
        require(std >= 0, f"pe.std={std}: allowed is 0 or more")
        rows, (heads, head_dim) = 1 if share_layers else shape.layers, (shape.heads, shape.head_dim)
        bound = kernel**-0.5  # of torch's Conv1d with one channel a group
        self.taps = nn.Parameter(torch.empty(shape.layers, kernel, 3, head_dim).uniform_(-bound, bound))
        self.offsets = nn.Parameter(torch.empty(shape.layers, 3, head_dim).uniform_(-bound, bound))
        self.distance_keys = nn.Parameter(torch.randn(rows, heads, maximum, head_dim) * std)
        self.distance_biases = nn.Parameter(torch.randn(rows, heads, maximum) * std)
        self.query_biases = nn.Parameter(torch.zeros(rows, heads, head_dim))

    @property
    def budget(self) -> int:
        """Rows of the tables of distances."""
        return self.distance_biases.shape[-1]

    def make_table(self, positions: Real[Tensor, "#batch time"]) -> None:
        """Makes nothing; refuses positions with distances beyond the tables."""
        require(
            bool((positions < self.budget).all()),
            f"pe.maximum={self.budget}: a position is beyond it",
        )

    def transform(
        self,
        query: Heads,
        key: Heads,
        value: Heads,
        table: Tensor | None,
        inputs: BlockInputs,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Convolve all three over time."""
        new, taps = torch.stack([query, key, value], 3), self.taps[inputs.layer]
        time, reach = new.shape[2], len(taps) - 1
        before = inputs.cache.get("projections")
        line = pad(new, (0, 0, 0, 0, reach, 0)) if before is None else torch.cat([before, new], 2)
        inputs.cache.put("projections", line[:, :, time:])
        mixed = self.offsets[inputs.layer].expand_as(new)
        for back, tap in enumerate(taps):
            mixed = mixed + tap * line[:, :, reach - back : reach - back + time]
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
        occurring, layer = int(distance.max()) + 1, inputs.layer % len(self.query_biases)
        tables = (self.distance_keys[layer, :, :occurring], self.distance_biases[layer, :, :occurring])
        with torch.autocast(query.device.type, enabled=False):
            query, key = wide(query), wide(key)
            keys, biases = (part.to(query.dtype) for part in tables)
            near = query @ keys.mT + biases.unsqueeze(-2)
            own = self.query_biases[layer].to(query.dtype).unsqueeze(-2) @ key.mT
        far = near.gather(-1, distance.expand(*near.shape[:3], -1))
        bias: Tensor = (far + own) * self.shape.head_dim**-0.5
        return bias
