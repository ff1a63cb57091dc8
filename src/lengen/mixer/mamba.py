"""Mamba: a diagonal state space model whose steps the token chooses (Gu and Dao 2023)."""

from __future__ import annotations

import math
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lengen.block.inputs import wide
from lengen.config.errors import require
from lengen.mixer import Layer, Recurrent, State, exact
from lengen.mixer.parts import Map, ShortConv, convolved, time_step_bias
from lengen.mixer.selective import selective
from lengen.mixer.sums import ScannedSums


class Mamba(Recurrent):
    """h' = exp(dt A) h + dt B x, y = C h + D x for every channel of x; dt, B and C depend on x (Gu and Dao 2023, section 3 and 3.4).

    One projection gives x, which passes a short convolution, and the gate: y silu(z) is projected back. The published block has
    no feed-forward layer beside it. With `negative_eigenvalues` the factor is 2 exp(dt A) - 1, in (-1, 1) (Grazzi et al. 2024).

    Args:
        layer: the layer that it is made for.
        state: numbers per channel of x.
        expand: width of x, as a multiple of dim.
        rank: of the map to time steps; None is dim / 16, rounded up.
        conv: tokens of the short convolution; 0 is none, as claims on what one layer can track need.
        negative_eigenvalues: whether factors may be negative.
    """

    cost = "scan"

    def __init__(
        self,
        layer: Layer,
        state: int = 16,
        expand: int = 2,
        rank: int | None = None,
        conv: Literal[0, 4] = 4,
        negative_eigenvalues: bool = False,
    ) -> None:
        super().__init__(layer)
        require(state >= 1, f"mixer.state={state}: must be at least 1")
        require(expand >= 1, f"mixer.expand={expand}: must be at least 1")
        require(rank is None or rank >= 1, f"mixer.rank={rank}: must be at least 1")
        inner, rank = expand * self.dim, rank or math.ceil(self.dim / 16)
        self.sums, self.negative = None if negative_eigenvalues else ScannedSums(), negative_eigenvalues
        self.widths = [rank, state, state]
        self.project = nn.Linear(self.dim, 2 * inner, bias=False)
        self.conv = ShortConv(inner, conv, bias=True) if conv else None
        self.select = Map(inner, sum(self.widths))
        self.step = Map(rank, inner)
        self.step_bias = nn.Parameter(time_step_bias(inner))
        self.rate = nn.Parameter(torch.arange(1.0, state + 1).log().repeat(inner, 1))
        self.skip = nn.Parameter(torch.ones(inner))
        self.out = nn.Linear(inner, self.dim, bias=False)

    def mix(
        self, x: Float[Tensor, "batch time dim"], state: State | None
    ) -> tuple[Float[Tensor, "batch time dim"], State]:
        """See `Recurrent`; the state is h, and the last inputs of the convolution."""
        projected = self.project(x)
        with exact(x):
            inputs, gate = wide(projected).chunk(2, -1)
            inputs, tail = convolved(self.conv, inputs, state)
            low, into, read = torch.split(self.select(inputs), self.widths, -1)
            step = nn.functional.softplus(self.step(low) + self.step_bias)
            after: tuple[Tensor, ...]
            if self.sums is None or type(self.sums) is ScannedSums:
                start = None if state is None else state[0]
                mixed, last = selective(
                    self.rate.exp(), step, inputs, into, read, start, negative=self.negative
                )
                after = (last,)
            else:  # a recurrence that has been replaced in a trained mixer
                kept = None if state is None else state[: self.sums.parts]
                log_decay = -self.rate.exp() * step.unsqueeze(-1)
                write = (step * inputs).unsqueeze(-1)
                mixed, after = self.sums(read.unsqueeze(2), into.unsqueeze(2), write, log_decay, kept)
                mixed = mixed.squeeze(-1)
            mixed = mixed + self.skip * inputs
            mixed = mixed * nn.functional.silu(gate)
        out: Tensor = self.out(mixed.to(x.dtype))
        return out, (*after, *tail)
