"""Gated linear attention: a decay of every key channel that the token chooses (Yang et al. 2024)."""

from __future__ import annotations

from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn

from lengen.block.inputs import wide
from lengen.config.errors import require
from lengen.mixer import Layer, Recurrent, State, exact
from lengen.mixer.parts import EPSILON, Gate, Map, gated, head_count, of_heads
from lengen.mixer.sums import Sums


class GLA(Recurrent):
    """S' = diag(a) S + k v^T with a = sigmoid(W_2 W_1 x + b)^(1 / 16), o = q S / sqrt(channels) (Yang et al. 2024, section 4.4).

    Then RMSNorm of every head, a gate, and a projection. At the start a is about 0.96: a half-life of 16 tokens.

    Args:
        layer: the layer that it is made for.
        heads: number of heads; None is that of the decoder.
        state: channels of queries and keys per head; None is dim / heads / 2.
        rank: of the map to the decays.
        sharpness: the root that is taken of the sigmoid.
        decays: one per `channel` of the keys, or one per `head` (simple GLA).
        gate: of the output.
    """

    cost = "chunks"
    sums = Sums()

    def __init__(
        self,
        layer: Layer,
        heads: int | None = None,
        state: int | None = None,
        rank: int = 16,
        sharpness: float = 16.0,
        decays: Literal["channel", "head"] = "channel",
        gate: Gate = "silu",
    ) -> None:
        super().__init__(layer)
        self.heads, self.kind, self.sharpness = head_count(layer, heads), gate, sharpness
        require(state is None or state >= 1, f"mixer.state={state}: must be at least 1")
        require(rank >= 1, f"mixer.rank={rank}: must be at least 1")
        require(sharpness > 0, f"mixer.sharpness={sharpness}: must be above 0")
        self.width = state or max(1, self.dim // self.heads // 2)
        keys = self.heads * self.width
        self.query, self.key = (nn.Linear(self.dim, keys, bias=False) for _ in range(2))
        self.value = nn.Linear(self.dim, self.dim, bias=False)
        count = keys if decays == "channel" else self.heads
        self.decay = nn.Sequential(Map(self.dim, rank), Map(rank, count, bias=True))
        self.gate = None if gate == "none" else nn.Linear(self.dim, self.dim, bias=False)
        self.norm = nn.RMSNorm(self.dim // self.heads, EPSILON)
        self.out = nn.Linear(self.dim, self.dim, bias=False)

    def mix(
        self, x: Float[Tensor, "batch time dim"], state: State | None
    ) -> tuple[Float[Tensor, "batch time dim"], State]:
        """See `Recurrent`."""
        projected, gate = (
            (self.query(x), self.key(x), self.value(x)),
            None if self.gate is None else self.gate(x),
        )
        with exact(x):
            query, key, value = (of_heads(part, self.heads) for part in projected)
            log_decay = nn.functional.logsigmoid(of_heads(self.decay(wide(x)), self.heads)) / self.sharpness
            mixed, after = self.sums(query, key, value, log_decay, state)
            mixed = self.norm(mixed * self.width**-0.5).flatten(2)
            mixed = gated(mixed, gate, self.kind)
        out: Tensor = self.out(mixed.to(x.dtype))
        return out, after
