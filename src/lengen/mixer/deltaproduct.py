"""DeltaProduct: several steps of the delta rule per token (Siems et al. 2025)."""

from __future__ import annotations

from typing import Literal

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from lengen.block.inputs import wide
from lengen.config.errors import require
from lengen.mixer import Layer, Recurrent, State, exact
from lengen.mixer.delta import delta_rule
from lengen.mixer.parts import (
    EPSILON,
    Gate,
    Map,
    ShortConv,
    gated,
    head_count,
    of_heads,
    time_step_bias,
    unit,
)


class DeltaProduct(Recurrent):
    """S <- a S, then S <- (I - beta k k^T) S + beta k v^T for every step; o = q S / sqrt(channels) (Siems et al. 2025, section 3).

    Queries and keys have length 1, after a short convolution and a SiLU; beta is a sigmoid, twice it with `negative_eigenvalues`.
    The decay a = exp(-exp(A) softplus(W x + b)) is that of Gated DeltaNet. Then RMSNorm of every head, a gate, and a projection.
    Matrices are the identity plus one of rank `steps`: with negative eigenvalues two steps turn, and can track S3 in one layer.
    Grazzi et al. 2024 show that beta up to 2 is what parity needs.

    Args:
        layer: the layer that it is made for.
        steps: steps of the delta rule per token.
        heads: number of heads; None is that of the decoder.
        state: channels of queries and keys per head; None is dim / heads.
        conv: tokens of the short convolution; 0 is none, as claims on what one layer can track need.
        negative_eigenvalues: whether beta goes up to 2.
        decay: whether the state decays.
        gate: of the output.
    """

    cost = "chunks"

    def __init__(
        self,
        layer: Layer,
        steps: int = 2,
        heads: int | None = None,
        state: int | None = None,
        conv: Literal[0, 4] = 4,
        negative_eigenvalues: bool = True,
        decay: bool = True,
        gate: Gate = "silu",
    ) -> None:
        super().__init__(layer)
        require(steps >= 1, f"mixer.steps={steps}: must be at least 1")
        require(state is None or state >= 1, f"mixer.state={state}: must be at least 1")
        self.heads, self.steps, self.kind = head_count(layer, heads), steps, gate
        self.most, self.width = 1 + negative_eigenvalues, state or self.dim // self.heads
        keys = self.heads * self.width
        self.query = nn.Linear(self.dim, keys, bias=False)
        self.key = nn.Linear(self.dim, steps * keys, bias=False)
        self.value = nn.Linear(self.dim, steps * self.dim, bias=False)
        widths = (keys, steps * keys, steps * self.dim)
        self.convs = nn.ModuleList(ShortConv(width, conv) for width in widths if conv)
        self.beta = Map(self.dim, steps * self.heads)
        self.decay = Map(self.dim, self.heads) if decay else None
        if decay:
            self.rate = nn.Parameter(torch.empty(self.heads).uniform_(0.01, 16).log())
            self.decay_bias = nn.Parameter(time_step_bias(self.heads))
        self.gate = None if gate == "none" else nn.Linear(self.dim, self.dim, bias=False)
        self.norm = nn.RMSNorm(self.dim // self.heads, EPSILON)
        self.out = nn.Linear(self.dim, self.dim, bias=False)

    def mix(
        self, x: Float[Tensor, "batch time dim"], state: State | None
    ) -> tuple[Float[Tensor, "batch time dim"], State]:
        """See `Recurrent`; the state is S, and the last inputs of the convolutions of queries, keys and values."""
        projected = [self.query(x), self.key(x), self.value(x)]
        gate = None if self.gate is None else self.gate(x)
        with exact(x):
            parts, tails = [wide(part) for part in projected], list[Tensor]()
            for index, convolve in enumerate(self.convs):
                parts[index], tail = convolve(parts[index], None if state is None else state[1 + index])
                tails.append(tail)
            query, key, value = parts if self.convs else (nn.functional.silu(part) for part in parts)
            key, value, beta = (
                rearrange(
                    part,
                    "batch time (heads steps channel) -> batch (time steps) heads channel",
                    heads=self.heads,
                    steps=self.steps,
                )
                for part in (key, value, self.most * self.beta(wide(x)).sigmoid())
            )
            query = unit(of_heads(query, self.heads)).repeat_interleave(self.steps, 1) * self.width**-0.5
            start = None if state is None else state[0]
            mixed, after = delta_rule(query, unit(key), value, beta, self._log_decay(wide(x)), start)
            mixed = self.norm(mixed[:, self.steps - 1 :: self.steps]).flatten(2)
            mixed = gated(mixed, gate, self.kind)
        out: Tensor = self.out(mixed.to(x.dtype))
        return out, (after, *tails)

    def _log_decay(
        self, x: Float[Tensor, "batch time dim"]
    ) -> Float[Tensor, "batch timesteps heads 1"] | None:
        """The logarithms of the decays: in the first step of a token that of the token, in the others 0."""
        if self.decay is None:
            return None
        once = -self.rate.exp() * nn.functional.softplus(self.decay(x) + self.decay_bias)
        every = nn.functional.pad(once.unsqueeze(2), (0, 0, 0, self.steps - 1))
        return every.flatten(1, 2).unsqueeze(-1)
