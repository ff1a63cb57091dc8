"""Real-gated linear recurrent unit, the recurrence of Griffin (De et al. 2024)."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lengen.block.inputs import wide
from lengen.mixer import Layer, Recurrent, State, exact
from lengen.mixer.parts import BlockMap, ShortConv, head_count
from lengen.mixer.scan import scan

POWER = 8.0
"""Largest power of the factors."""


class RGLRU(Recurrent):
    """h' = a h + sqrt(1 - a^2) (i x), log a = -8 r softplus(p), with gates r and i = sigmoid(W x + b) (De et al. 2024, section 2.4).

    The first token has no factor sqrt(1 - a^2). x comes from a projection and a short convolution without activation; h times a GELU of
    another projection is projected back. Gates map every head alone. With r = 1, a starts uniform between 0.9 and 0.999.

    Args:
        layer: the layer that it is made for.
        heads: number of heads; None is that of the decoder.
        conv: tokens of the short convolution; 0 is none, as claims on what one layer can track need.
    """

    cost = "scan"

    def __init__(self, layer: Layer, heads: int | None = None, conv: Literal[0, 4] = 4) -> None:
        super().__init__(layer)
        width = self.dim // head_count(layer, heads)
        self.into, self.gate = (nn.Linear(self.dim, self.dim, bias=False) for _ in range(2))
        self.conv = ShortConv(self.dim, conv, bias=True, active=False) if conv else None
        self.keep, self.input = (BlockMap(self.dim, width, width**-0.5) for _ in range(2))
        self.keep_bias, self.input_bias = (nn.Parameter(torch.zeros(self.dim)) for _ in range(2))
        largest = torch.empty(self.dim).uniform_(0.9, 0.999)
        self.rate = nn.Parameter(torch.expm1(-largest.log() / POWER).log())
        self.out = nn.Linear(self.dim, self.dim, bias=False)

    def mix(
        self, x: Float[Tensor, "batch time dim"], state: State | None
    ) -> tuple[Float[Tensor, "batch time dim"], State]:
        """See `Recurrent`; the state is h, and the last inputs of the convolution."""
        inputs, gate = self.into(x), self.gate(x)
        with exact(x):
            inputs, tails = wide(inputs), list[Tensor]()
            if self.conv is not None:
                inputs, tail = self.conv(inputs, None if state is None else state[1])
                tails.append(tail)
            hidden = self.recur(inputs, None if state is None else state[0])
            mixed = hidden * nn.functional.gelu(wide(gate))
        out: Tensor = self.out(mixed.to(x.dtype))
        return out, (hidden[:, -1], *tails)

    def recur(
        self, x: Float[Tensor, "batch time dim"], start: Float[Tensor, "batch dim"] | None
    ) -> Float[Tensor, "batch time dim"]:
        """Return all h.

        Args:
            x: what is written.
            start: h before the first token; None at the start of an example.
        """
        keep = (self.keep(x) + self.keep_bias).sigmoid()
        log_factor = -POWER * keep * nn.functional.softplus(self.rate)
        share = (-torch.expm1(2 * log_factor)).clamp(min=1e-12).sqrt()  # a finite slope where a is 1
        if start is None:
            share = torch.cat([torch.ones_like(share[:, :1]), share[:, 1:]], 1)
        written = share * (self.input(x) + self.input_bias).sigmoid() * x
        return scan(log_factor.exp(), written, start)
