"""Mamba-2: a decay per head that the token chooses, as a state space model (Dao and Gu 2024)."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lengen.block.inputs import wide
from lengen.config.errors import require
from lengen.mixer import Layer, Recurrent, State, exact
from lengen.mixer.decayed import signed
from lengen.mixer.parts import EPSILON, ShortConv, convolved, head_count, of_heads, time_step_bias
from lengen.mixer.sums import Sums


class Mamba2(Recurrent):
    """S' = a S + B (dt x)^T, y = C S + D x with a = exp(-exp(A) dt), dt = softplus(W x + b) (Dao and Gu 2024, section 7).

    One projection gives the gate z, and x, B and C, which pass a short convolution, and dt; B and C are shared by the heads. Then
    RMSNorm of y silu(z) and a projection. The published block has no feed-forward layer beside it.
    With `negative_eigenvalues` the decay is 2 a - 1, in (-1, 1) (Grazzi et al. 2024).

    Args:
        layer: the layer that it is made for.
        heads: number of heads; None is that of the decoder.
        state: channels of B and C.
        expand: width of x, as a multiple of dim.
        conv: tokens of the short convolution; 0 is none, as claims on what one layer can track need.
        negative_eigenvalues: whether decays may be negative.
    """

    cost = "chunks"

    def __init__(
        self,
        layer: Layer,
        heads: int | None = None,
        state: int = 16,
        expand: int = 2,
        conv: Literal[0, 4] = 4,
        negative_eigenvalues: bool = False,
    ) -> None:
        super().__init__(layer)
        require(state >= 1, f"mixer.state={state}: must be at least 1")
        require(expand >= 1, f"mixer.expand={expand}: must be at least 1")
        self.heads = head_count(layer, heads)
        self.sums = None if negative_eigenvalues else Sums()
        inner = expand * self.dim
        self.widths = [inner, inner + 2 * state, self.heads]
        self.split = [inner, state, state]
        self.project = nn.Linear(self.dim, sum(self.widths), bias=False)
        self.conv = ShortConv(inner + 2 * state, conv, bias=True) if conv else None
        self.rate = nn.Parameter(torch.empty(self.heads).uniform_(1, 16).log())
        self.step_bias = nn.Parameter(time_step_bias(self.heads))
        self.skip = nn.Parameter(torch.ones(self.heads))
        self.norm = nn.RMSNorm(inner, EPSILON)
        self.out = nn.Linear(inner, self.dim, bias=False)

    def mix(
        self, x: Float[Tensor, "batch time dim"], state: State | None
    ) -> tuple[Float[Tensor, "batch time dim"], State]:
        """See `Recurrent`; the state is S, and the last inputs of the convolution."""
        projected = self.project(x)
        with exact(x):
            gate, inputs, step = torch.split(wide(projected), self.widths, -1)
            inputs, tail = convolved(self.conv, inputs, state)
            value, key, query = torch.split(inputs, self.split, -1)
            value = of_heads(value, self.heads)
            query, key = (part.unsqueeze(2).expand(-1, -1, self.heads, -1) for part in (query, key))
            step = nn.functional.softplus(step + self.step_bias).unsqueeze(-1)
            log_decay = -self.rate.exp().unsqueeze(-1) * step
            if self.sums is None:
                signs = 2 * log_decay.exp() - 1
                mixed, kept = signed(query, key, step * value, signs, None if state is None else state[0])
                after: State = (kept,)
            else:
                start = None if state is None else state[: self.sums.parts]
                mixed, after = self.sums(query, key, step * value, log_decay, start)
            mixed = (mixed + self.skip.unsqueeze(-1) * value).flatten(2)
            mixed = self.norm(mixed * nn.functional.silu(gate))
        out: Tensor = self.out(mixed.to(x.dtype))
        return out, (*after, *tail)
