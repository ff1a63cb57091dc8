"""LightNet: a softmax over time of every key channel, as a decay and an input that add up to one (Qin et al. 2024)."""

from __future__ import annotations

import math
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lengen.block.inputs import finest, wide
from lengen.config.errors import require
from lengen.mixer import Layer, Recurrent, State, exact
from lengen.mixer.decayed import decayed
from lengen.mixer.parts import EPSILON, Gate, Map, gated, head_count, of_heads, turned

Rotation = Literal["none", "full", "half"]


class LightNet(Recurrent):
    """S' = (1 - k) S + k v^T with k = exp(u - z'), z' = log(exp z + exp u), o = silu(q) S / sqrt(channels) (Qin et al. 2024, section 4.1).

    So S holds the means of all values so far, weighted by the softmax over time of u = W x: nothing decays with time, only behind larger u.
    Then RMSNorm, a gate of low rank, and a projection, as in flash-linear-attention.
    With `start=zero` z starts at 0, in place of minus infinity: a token with u = 0 and value 0 stands before the first, as in the authors' code.
    `rotation` turns pairs of neighbouring channels of silu(q) and k by the token's place, at frequencies that fall over all heads (LRPE, Qin et al. 2023):
    all of them, or those of the first `half` of each head. As two channels of a pair decay apart, not distances alone matter.

    Args:
        layer: the layer that it is made for.
        heads: number of heads; None is that of the decoder.
        state: channels of queries and keys per head; None is dim / heads.
        start: `none` or `zero`.
        rotation: `none`, `full` or `half`.
        base: base of the frequencies.
        rank: of the map to the gate.
        gate: of the output.
    """

    cost = "chunks"

    def __init__(
        self,
        layer: Layer,
        heads: int | None = None,
        state: int | None = None,
        start: Literal["none", "zero"] = "none",
        rotation: Rotation = "none",
        base: float = 10_000.0,
        rank: int = 16,
        gate: Gate = "silu",
    ) -> None:
        super().__init__(layer)
        require(state is None or state >= 1, f"mixer.state={state}: must be at least 1")
        require(base > 1, f"mixer.base={base}: must be above 1")
        require(rank >= 1, f"mixer.rank={rank}: must be at least 1")
        self.heads, self.kind, self.start, self.base = head_count(layer, heads), gate, start, base
        self.width = state or self.dim // self.heads
        self.pairs = {"none": 0, "full": self.width // 2, "half": self.width // 4}[rotation]
        require(
            rotation == "none" or self.pairs > 0,
            f"mixer.state={self.width}: must be at least {2 if rotation == 'full' else 4} with mixer.rotation={rotation}",
        )
        self.query, self.key = (nn.Linear(self.dim, self.heads * self.width, bias=False) for _ in range(2))
        self.value = nn.Linear(self.dim, self.dim, bias=False)
        self.gate = None if gate == "none" else nn.Sequential(Map(self.dim, rank), Map(rank, self.dim))
        self.norm = nn.RMSNorm(self.dim, EPSILON)
        self.out = nn.Linear(self.dim, self.dim, bias=False)

    def mix(
        self, x: Float[Tensor, "batch time dim"], state: State | None
    ) -> tuple[Float[Tensor, "batch time dim"], State]:
        """See `Recurrent`; the state is S, z, and with a rotation the number of tokens so far."""
        projected = self.query(x), self.key(x), self.value(x)
        with exact(x):
            query, logit, value = (of_heads(part, self.heads) for part in projected)
            query = nn.functional.silu(query) * self.width**-0.5
            known = None if state is None else state[1]
            if known is None and self.start == "zero":
                known = torch.zeros_like(logit[:, 0])
            key, log_decay, total = running_softmax(logit, known)
            count = tuple[Tensor, ...]()
            if self.pairs:
                before = logit.new_zeros(x.shape[0], 1) if state is None else state[2]
                query, key = (turned(part, self._angles(before, x.shape[1])) for part in (query, key))
                count = (before + x.shape[1],)
            mixed, after = decayed(query, key, value, log_decay, None if state is None else state[0])
            mixed = self.norm(mixed.flatten(2))
            mixed = gated(mixed, None if self.gate is None else self.gate(wide(x)), self.kind)
        out: Tensor = self.out(mixed.to(x.dtype))
        return out, (after, total, *count)

    def _angles(self, before: Float[Tensor, "batch 1"], time: int) -> Float[Tensor, "batch time heads pairs"]:
        """Angles of tokens, of which the first has place `before`, in radians; in float64 where there is that, which keeps those of far places."""
        place = finest(before) + torch.arange(time, device=before.device)
        order = torch.arange(self.heads * self.pairs, device=before.device).view(self.heads, self.pairs)
        angle = place[..., None, None] * self.base ** (-2.0 * finest(order) / (self.heads * self.width))
        return angle.remainder(2 * math.pi).to(before.dtype)


def running_softmax(
    logit: Float[Tensor, "batch time heads key"], known: Float[Tensor, "batch heads key"] | None
) -> tuple[
    Float[Tensor, "batch time heads key"],
    Float[Tensor, "batch time heads key"],
    Float[Tensor, "batch heads key"],
]:
    """Return the weight of each token in a softmax over all so far, the logarithm of what that leaves to those before, and the last z.

    Weights and what they leave add up to 1, whatever the rounding of z.

    Args:
        logit: u.
        known: z before the first token, the logarithm of the sum of all exp u; None is minus infinity.
    """
    if known is None:  # the first token has all the weight; nothing is before it that would decay
        key, log_decay, last = running_softmax(logit[:, 1:], logit[:, 0]) if logit.shape[1] > 1 else (
            logit[:, 1:], logit[:, 1:], logit[:, 0]
        )  # fmt: skip
        first = torch.ones_like(logit[:, :1])
        return torch.cat([first, key], 1), torch.cat([0 * first, log_decay], 1), last
    total = torch.cat([known.unsqueeze(1), logit], 1).logcumsumexp(1)
    beyond = logit - total[:, :-1]
    return beyond.sigmoid(), nn.functional.logsigmoid(-beyond), total[:, -1]
