"""RWKV-7: a generalised delta rule with a decay and a rate of replacement of every channel (Peng et al. 2025)."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lengen.block.inputs import wide
from lengen.config.errors import require
from lengen.mixer import Layer, Recurrent, State, exact
from lengen.mixer.delta import rank_one
from lengen.mixer.parts import head_count, of_heads, unit

MIXED = ("receptance", "decay", "key", "value", "rate", "gate")
"""What reads a mix of the token and the one before it."""
LEAST = -math.exp(-0.5)
"""Least logarithm of a decay."""
EXPONENTS = (0.2, 0.9, 0.7, 0.7, 0.9, 0.2)
"""How steeply these mixes fall over the channels at the start."""


class LowRank(nn.Module):
    """A map of low rank: from 0 to the rank, then orthogonal times 0.1, and a bias."""

    def __init__(self, dim: int, rank: int, bias: Tensor | None) -> None:
        super().__init__()
        self.down = nn.Parameter(torch.zeros(dim, rank))
        self.up = nn.Parameter(nn.init.orthogonal_(torch.empty(rank, dim), 0.1))
        self.bias = None if bias is None else nn.Parameter(bias)

    def forward(self, x: Tensor, between: type[nn.Module] = nn.Identity) -> Tensor:
        """Apply the map, with a function between its halves."""
        mapped: Tensor = between()(x @ self.down) @ self.up
        return mapped if self.bias is None else mapped + self.bias


class RWKV7(Recurrent):
    """S' = (diag(w) - (a u) u^T) S + k v^T, o = r S, with u = k / |k| before k is changed by a (Peng et al. 2025, section 4).

    Decays w = exp(-exp(-1/2) sigmoid(.)) and rates a = sigmoid(.) are of every channel, from maps of low rank; everything reads a mix
    of the token and the one before it. Then a norm of every head, a bonus for the token itself, a gate, and a projection.
    Not here: values mixed with those of the first layer, which layers would have to share; so all are as the first layer. Matrices
    start as the decoder draws them, not at the published scales (keys at 0.1, the projection at 0). Since w is above 0.54 and a
    below 1, no eigenvalue of a step lies below -0.46.

    Args:
        layer: the layer that it is made for.
        heads: number of heads; None is that of the decoder.
        rank: of the maps of low rank; None are the published ones, at least 32.
    """

    cost = "chunks"

    def __init__(self, layer: Layer, heads: int | None = None, rank: int | None = None) -> None:
        super().__init__(layer)
        require(rank is None or rank >= 1, f"mixer.rank={rank}: must be at least 1")
        self.heads, dim = head_count(layer, heads), self.dim
        require(dim >= 2, f"decoder.dim={dim}: must be at least 2 for mixer=rwkv7")  # noqa: PLR2004
        width, channel = dim // self.heads, torch.arange(float(dim))
        depth = layer.index / max(1, layer.shape.layers - 1)
        rest = 1 - layer.index / layer.shape.layers
        self.shift = nn.Parameter(torch.stack([1 - (channel / dim) ** (power * rest) for power in EXPONENTS]))
        across = channel / (dim - 1)
        zigzag = 2 * (channel % width) / max(1, width - 1) - 1
        zigzag = zigzag * zigzag.abs()
        self.receptance, self.key, self.value = (nn.Linear(dim, dim, bias=False) for _ in range(3))
        small, large = (max(32, round(factor / 32) * 32) for factor in (1.8 * dim**0.5, 0.6 * dim**0.8))
        self.decay = LowRank(dim, rank or small, -5.5 + 6 * across ** (1 + depth**0.3) + 2.5 * zigzag)
        self.rate = LowRank(dim, rank or small, -0.19 + 0.3 * zigzag + 0.4 * (across - 0.5))
        self.gate = LowRank(dim, rank or large, None)
        self.direction = nn.Parameter(0.71 - 0.1 * (across - 0.5))
        self.replace = nn.Parameter(torch.full((dim,), 1.02))
        self.bonus = nn.Parameter(torch.full((dim,), -0.04))
        self.norm = nn.Parameter(torch.ones(dim))
        self.norm_bias = nn.Parameter(torch.zeros(dim))
        self.out = nn.Linear(dim, dim, bias=False)

    def mix(
        self, x: Float[Tensor, "batch time dim"], state: State | None
    ) -> tuple[Float[Tensor, "batch time dim"], State]:
        """See `Recurrent`; the state is S, and the last input."""
        with exact(x):
            inputs = wide(x)
            before = torch.zeros_like(inputs[:, 0]) if state is None else state[1]
            change = torch.cat([before.unsqueeze(1), inputs[:, :-1]], 1) - inputs
            mixes = dict(zip(MIXED, (inputs + part * change for part in self.shift), strict=True))
        projected = [
            part(mixes[name].to(x.dtype))
            for name, part in (("receptance", self.receptance), ("key", self.key), ("value", self.value))
        ]
        with exact(x):
            receptance, key, value = (wide(part) for part in projected)
            log_decay = LEAST * self.decay(mixes["decay"], nn.Tanh).sigmoid()
            rate = self.rate(mixes["rate"]).sigmoid()
            direction = unit(of_heads(key * self.direction, self.heads))
            key = key * (1 + (rate - 1) * self.replace)
            receptance, key, value, log_decay, rate = (
                of_heads(part, self.heads) for part in (receptance, key, value, log_decay, rate)
            )
            start = None if state is None else state[0]
            mixed, after = rank_one(
                receptance, key, value, log_decay, -direction, direction * rate, start, least=LEAST
            )
            mixed = nn.functional.layer_norm(mixed, mixed.shape[-1:], eps=64e-5).flatten(2)
            bonus = (receptance * key * self.bonus.view(self.heads, -1)).sum(-1, keepdim=True) * value
            mixed = mixed * self.norm + self.norm_bias + bonus.flatten(2)
            mixed = mixed * self.gate(mixes["gate"], nn.Sigmoid)
        out: Tensor = self.out(mixed.to(x.dtype))
        return out, (after, inputs[:, -1])
