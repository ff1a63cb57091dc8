"""Masked mixers: learned weights of the lag in place of attention (Badger 2024)."""

from __future__ import annotations

from typing import Literal

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from lengen.block.inputs import wide
from lengen.config.errors import require
from lengen.mixer import Layer, Recurrent, State, exact
from lengen.mixer.filters import by_lag
from lengen.mixer.parts import head_count, of_heads
from lengen.mixer.scan import scan


class MaskedMixer(Recurrent):
    """y_t = sum over lags l of M_h[l] W x_{t-l} for every head h, and a projection (Badger 2024).

    The source learns a weight of every pair of places, which ends at the longest trained one; a weight of every lag is what can be read at any length.
    It masks its weights in place before every pass; here later tokens have none. Weights of lags from
    `span` on are 0, or M_h[span - 1] d_h^(l - span + 1) with a learned d_h in (0, 1), which starts at 0.9.

    Args:
        layer: the layer that it is made for.
        span: lags with a weight of their own, from the token itself on; above the trained length in tokens the last are as they were drawn.
        heads: number of heads, each with weights of its own; None is that of the decoder.
        beyond: whether weights from `span` on are `zero` or `decay`.
    """

    cost = "chunks"

    def __init__(
        self,
        layer: Layer,
        span: int = 32,
        heads: int | None = None,
        beyond: Literal["zero", "decay"] = "decay",
    ) -> None:
        super().__init__(layer)
        require(span >= 2, f"mixer.span={span}: must be at least 2")  # noqa: PLR2004
        self.span, self.heads = span, head_count(layer, heads)
        self.value = nn.Linear(self.dim, self.dim, bias=False)
        self.weight = nn.Parameter(torch.empty(self.heads, span).uniform_(-1, 1) * span**-0.5)
        self.decay = nn.Parameter(torch.full((self.heads,), 0.9).logit()) if beyond == "decay" else None
        self.out = nn.Linear(self.dim, self.dim, bias=False)

    def mix(
        self, x: Float[Tensor, "batch time dim"], state: State | None
    ) -> tuple[Float[Tensor, "batch time dim"], State]:
        """See `Recurrent`; the state is the last `span` values, of which `zero` needs one less, and the decayed sum of those before."""
        values = self.value(x)
        with exact(x):
            values, span = of_heads(values, self.heads), self.span
            kept = span - (self.decay is None)
            tail = values.new_zeros(len(values), kept, *values.shape[2:]) if state is None else state[0]
            seen = torch.cat([tail, values], 1)
            mixed = self.near(seen[:, kept - span + 1 :], values.shape[1])
            after: State = (seen[:, seen.shape[1] - kept :],)
            if self.decay is not None:
                factor = self.decay.sigmoid().view(1, 1, -1, 1)
                left = seen[:, : values.shape[1]]  # by the span of the new ones
                far = scan(factor.expand(1, left.shape[1], -1, 1), left, None if state is None else state[1])
                mixed = mixed + self.weight[:, -1, None] * factor * far
                after = (*after, far[:, -1])
        out: Tensor = self.out(mixed.flatten(2).to(x.dtype))
        return out, after

    def near(
        self, seen: Float[Tensor, "batch all heads channel"], time: int
    ) -> Float[Tensor, "batch time heads channel"]:
        """Weigh the lags below `span`, in blocks of as many tokens; each block and the one before it are all that it reads.

        Args:
            seen: the last span - 1 values before the new ones, and these.
            time: number of the new ones.
        """
        size = min(self.span, time)
        padded = nn.functional.pad(seen, (0, 0, 0, 0, 0, -time % size))
        windows = padded.unfold(1, size + self.span - 1, size)  # batch blocks heads channel place
        lags = nn.functional.pad(wide(self.weight).T, (0, 0, 0, size - 1))
        pairs = by_lag(lags, size, size + self.span - 1)
        mixed = torch.einsum("lmh,bnhcm->bnlhc", pairs, windows)
        return rearrange(mixed, "batch blocks place heads channel -> batch (blocks place) heads channel")[
            :, :time
        ]
