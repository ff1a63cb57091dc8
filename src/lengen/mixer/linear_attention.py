"""Linear attention: products of features in place of exponentials (Katharopoulos et al. 2020)."""

from __future__ import annotations

import math
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lengen.config.errors import require
from lengen.mixer import Layer, Recurrent, State, exact
from lengen.mixer.decayed import decayed
from lengen.mixer.parts import EPSILON, head_count, of_heads


class LinearAttention(Recurrent):
    """o_t = f(q_t) S_t, S_t = S_{t-1} + f(k_t) v_t^T, with features f of queries and keys.

    `sum` divides by the sum of the weights f(q_t) f(k_s) (Katharopoulos et al. 2020, equations 18 to 20). `norm` multiplies by
    1 / sqrt(channels) and applies an RMSNorm to every head, as in the library flash-linear-attention. The features `elu` are
    elu(x) + 1; `taylor` are the products whose sum is 1 + s + s^2 / 2 for s = q k / sqrt(channels) (Arora et al. 2024, section 4.1).
    Nothing is forgotten: weights flatten as the tokens grow in number.

    Args:
        layer: the layer that it is made for.
        heads: number of heads; None is that of the decoder.
        state: channels of queries and keys per head, before features; None is dim / heads.
        features: `elu` or `taylor`.
        normalise: `sum` or `norm`.
    """

    cost = "chunks"

    def __init__(
        self,
        layer: Layer,
        heads: int | None = None,
        state: int | None = None,
        features: Literal["elu", "taylor"] = "elu",
        normalise: Literal["sum", "norm"] = "norm",
    ) -> None:
        super().__init__(layer)
        require(state is None or state >= 1, f"mixer.state={state}: must be at least 1")
        self.heads, self.features = head_count(layer, heads), features
        keys = self.heads * (state or self.dim // self.heads)
        self.query, self.key = (nn.Linear(self.dim, keys, bias=False) for _ in range(2))
        self.value = nn.Linear(self.dim, self.dim, bias=False)
        self.norm = nn.RMSNorm(self.dim // self.heads, EPSILON) if normalise == "norm" else None
        self.out = nn.Linear(self.dim, self.dim, bias=False)

    def mix(
        self, x: Float[Tensor, "batch time dim"], state: State | None
    ) -> tuple[Float[Tensor, "batch time dim"], State]:
        """See `Recurrent`."""
        projected = self.query(x), self.key(x), self.value(x)
        with exact(x):
            query, key, value = (of_heads(part, self.heads) for part in projected)
            query, key = (elu(part) if self.features == "elu" else taylor(part) for part in (query, key))
            if self.norm is None:  # the last channel sums the weights
                value = torch.cat([value, torch.ones_like(value[..., :1])], -1)
            mixed, after = decayed(query, key, value, None, None if state is None else state[0])
            if self.norm is None:
                mixed = mixed[..., :-1] / (mixed[..., -1:] + 1e-10)
            else:
                mixed = self.norm(mixed * query.shape[-1] ** -0.5)
        out: Tensor = self.out(mixed.flatten(2).to(x.dtype))
        return out, (after,)


def elu(x: Float[Tensor, "*batch channel"]) -> Float[Tensor, "*batch channel"]:
    """Return positive features, elu of x plus 1."""
    return nn.functional.elu(x) + 1


def taylor(x: Float[Tensor, "*batch channel"]) -> Float[Tensor, "*batch feature"]:
    """Return features whose product is 1 + s + s^2 / 2, where s is the product of the vectors over sqrt(channels)."""
    width = x.shape[-1]
    one, two = torch.triu_indices(width, width, device=x.device)
    pairs = x[..., one] * x[..., two] * width**-0.5
    pairs = pairs * torch.where(one == two, math.sqrt(0.5), 1.0).to(x.dtype)
    return torch.cat([torch.ones_like(x[..., :1]), x * width**-0.25, pairs], -1)
