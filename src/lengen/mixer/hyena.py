"""Hyena: a convolution with all tokens so far, whose filter is a network of the lag (Poli et al. 2023)."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lengen.block.inputs import wide
from lengen.config.errors import require
from lengen.mixer import Layer, Recurrent, State, exact
from lengen.mixer.filters import DIRECT, by_lag, long_convolution
from lengen.mixer.parts import Map, ShortConv

SMALLEST = 0.01
"""What the window of a filter has fallen to after 0.3 `reach` tokens for the fastest channel, and after 1.5 `reach` for the slowest."""
FASTEST, SLOWEST = 0.3, 1.5


class Hyena(Recurrent):
    """y = a (h conv (b v) + D b v), where a, b and v are projections after a short convolution (Poli et al. 2023, section 3, order 2).

    h(t) = MLP(t / reach, cos, sin) exp(-r t) for a lag of t tokens, with sines as activations, whose frequencies are learned, and fixed rates
    r by channel, from ln(100) / (1.5 reach) to ln(100) / (0.3 reach). In the source t is divided by the longest length that there will be, and
    another one is another filter; here it is divided by `reach`, so that a lag has the same factor at every length, and those
    beyond the trained lags have what the network gives there, times a window that has nearly closed.

    Args:
        layer: the layer that it is made for.
        reach: tokens in which the window closes: to 0.05 for the slowest channel, and to 2e-7 for the fastest.
        bands: frequencies of cos and sin, k / reach for k = 1 to `bands`; 0 leaves the lag alone.
        hidden: width of the network.
        depth: its hidden layers.
        conv: tokens of the short convolution.
    """

    cost = "fft"
    growth = "linear"

    def __init__(
        self,
        layer: Layer,
        reach: float = 64.0,
        bands: int = 1,
        hidden: int = 64,
        depth: int = 3,
        conv: int = 3,
    ) -> None:
        super().__init__(layer)
        require(reach > 0, f"mixer.reach={reach}: must be above 0")
        require(bands >= 0, f"mixer.bands={bands}: must be at least 0")
        require(hidden >= 1, f"mixer.hidden={hidden}: must be at least 1")
        require(depth >= 1, f"mixer.depth={depth}: must be at least 1")
        require(conv >= 2, f"mixer.conv={conv}: must be at least 2")  # noqa: PLR2004
        self.reach, self.bands = reach, bands
        self.project = nn.Linear(self.dim, 3 * self.dim, bias=False)
        self.conv = ShortConv(3 * self.dim, conv, bias=True, active=False)
        widths = [1 + 2 * bands, *[hidden] * depth]
        self.filter = nn.ModuleList(Map(*pair, bias=True) for pair in pairwise(widths))
        self.frequency = nn.Parameter(torch.ones(hidden))
        self.last = Map(hidden, self.dim)
        self.skip = nn.Parameter(torch.randn(self.dim))
        self.out = nn.Linear(self.dim, self.dim, bias=False)

    def kernel(self, lags: Float[Tensor, " lags"]) -> Float[Tensor, "lags dim"]:
        """Return the filter at some lags in tokens, which may be any."""
        share = (lags / self.reach).unsqueeze(-1)
        turn = 2 * math.pi * share * torch.arange(1, self.bands + 1, device=lags.device)
        found = torch.cat([share, turn.cos(), turn.sin()], -1)
        for layer in self.filter:
            found = torch.sin(self.frequency * layer(found))
        rates = torch.linspace(1 / SLOWEST, 1 / FASTEST, self.dim, dtype=lags.dtype, device=lags.device)
        decayed: Tensor = self.last(found) * (math.log(SMALLEST) * rates * share).exp()
        return decayed

    def mix(
        self, x: Float[Tensor, "batch time dim"], state: State | None
    ) -> tuple[Float[Tensor, "batch time dim"], State]:
        """See `Recurrent`; the state is b v of all tokens, and the last inputs of the short convolution."""
        projected = self.project(x)
        with exact(x):
            inputs, tail = self.conv(wide(projected), None if state is None else state[1])
            left, right, value = inputs.chunk(3, -1)
            new = right * value
            seen = new if state is None else torch.cat([state[0], new], 1)
            kernel = self.kernel(torch.arange(seen.shape[1], dtype=seen.dtype, device=seen.device))
            if new.shape[1] <= DIRECT:  # in decoding all earlier results are known
                pairs = by_lag(kernel, new.shape[1], seen.shape[1])
                mixed = torch.einsum("lmc,bmc->blc", pairs, seen)
            else:
                mixed = long_convolution(seen, kernel)[:, -new.shape[1] :]
            mixed = left * (mixed + self.skip * new)
        out: Tensor = self.out(mixed.to(x.dtype))
        return out, (seen, tail)

    def state_size(self, tokens: int) -> int:
        """See `Mixer`."""
        return self.dim * tokens + 3 * self.dim * (self.conv.kernel - 1)
