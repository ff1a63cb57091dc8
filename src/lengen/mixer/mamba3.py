"""Mamba-3: a decay and a rotation that the token chooses, and a write of two tokens (Lahoti et al. 2026)."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lengen.block.inputs import finest, wide
from lengen.config.errors import require
from lengen.mixer import Layer, Recurrent, State, exact
from lengen.mixer.decayed import decayed
from lengen.mixer.parts import EPSILON, head_count, of_heads, time_step_bias, turned

SLOWEST = 1e-4
"""Least rate of a decay."""


class Mamba3(Recurrent):
    """S' = a R S + (1 - l) dt a R B_before x_before^T + l dt B x^T, y = C S + D x (Lahoti et al. 2026, propositions 1 and 4).

    The decay a = exp(-softplus(.) dt), the share l = sigmoid(.) of the trapezoid, and the angles pi tanh(.) dt, by which R turns pairs
    of channels, depend on the token; time steps are dt = softplus(. + b), one per head. B and C are shared by the heads, pass an
    RMSNorm, and have a bias per head, 1 at the start, in place of a convolution. Then y silu(z) is projected back. With one input
    and one output per head (SISO). The published block has no feed-forward layer beside it.
    C and B are turned by the angle since the first of these tokens, and the state back by that of all of them: it needs no angle. A
    turn by pi is a change of sign; turns commute, so that one layer can follow a cyclic group, and no other.

    Args:
        layer: the layer that it is made for.
        heads: number of heads; None is that of the decoder.
        state: channels of B and C.
        expand: width of x, as a multiple of dim.
        rotated: the part of the channels of B and C that is turned, rounded down to pairs.
    """

    cost = "chunks"

    def __init__(
        self,
        layer: Layer,
        heads: int | None = None,
        state: int = 16,
        expand: int = 2,
        rotated: float = 0.5,
    ) -> None:
        super().__init__(layer)
        require(state >= 1, f"mixer.state={state}: must be at least 1")
        require(expand >= 1, f"mixer.expand={expand}: must be at least 1")
        require(0 <= rotated <= 1, f"mixer.rotated={rotated}: must be in [0, 1]")
        self.heads, inner = head_count(layer, heads), expand * self.dim
        self.widths = [inner, inner, state, state, *(self.heads,) * 3, int(state * rotated) // 2]
        self.project = nn.Linear(self.dim, sum(self.widths), bias=False)
        self.key_norm, self.query_norm = (nn.RMSNorm(state, EPSILON) for _ in range(2))
        self.key_bias, self.query_bias = (nn.Parameter(torch.ones(self.heads, state)) for _ in range(2))
        self.step_bias = nn.Parameter(time_step_bias(self.heads))
        self.skip = nn.Parameter(torch.ones(self.heads))
        self.out = nn.Linear(inner, self.dim, bias=False)

    def mix(
        self, x: Float[Tensor, "batch time dim"], state: State | None
    ) -> tuple[Float[Tensor, "batch time dim"], State]:
        """See `Recurrent`; the state is S, and B and x of the last token."""
        projected = self.project(x)
        with exact(x):
            gate, value, key, query, step, rate, share, angle = torch.split(wide(projected), self.widths, -1)
            value = of_heads(value, self.heads)
            key = self.key_norm(key).unsqueeze(2) + self.key_bias
            query = self.query_norm(query).unsqueeze(2) + self.query_bias
            step = nn.functional.softplus(step + self.step_bias)
            log_decay = -nn.functional.softplus(rate).clamp(min=SLOWEST) * step
            angle = turns(math.pi * angle.tanh().unsqueeze(2) * step.unsqueeze(-1))
            now = (step * share.sigmoid()).unsqueeze(-1)
            late = (step * (-share).sigmoid()).unsqueeze(-1)  # what it writes of the token before it
            start = None
            if state is not None:
                start = state[0] + (late[:, 0] * state[1]).unsqueeze(-1) * state[2].unsqueeze(-2)
            kept = now + nn.functional.pad(late[:, 1:], (0, 0, 0, 0, 0, 1))
            mixed, after = decayed(
                turned(query, angle),
                turned(key, angle),
                kept * value,
                log_decay.unsqueeze(-1),
                start,
                own=now * value,
            )
            after = turned(after.mT, -angle[:, -1].unsqueeze(-2)).mT
            mixed = (mixed + self.skip.unsqueeze(-1) * value).flatten(2) * nn.functional.silu(gate)
        out: Tensor = self.out(mixed.to(x.dtype))
        return out, (after, key[:, -1], value[:, -1])


def turns(angle: Float[Tensor, "batch time ..."]) -> Float[Tensor, "batch time ..."]:
    """Return the sums of angles up to each token, in radians, summed in float64 where there is that, and without whole turns, which would cost digits."""
    return finest(angle).cumsum(1).remainder(2 * math.pi).to(angle.dtype)
