"""Retention: linear attention that forgets at a fixed rate per head (Sun et al. 2023)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lengen.config.errors import require
from lengen.mixer import Layer, Recurrent, State, exact
from lengen.mixer.decayed import decayed
from lengen.mixer.parts import EPSILON, Gate, gated, head_count, of_heads


class RetNet(Recurrent):
    """S' = gamma e^(i theta) S + k v^T with gamma = 1 - 2^(-5 - head), o = q S / sqrt(channels) (Sun et al. 2023, equations 3 to 8).

    The factor e^(i theta) turns pairs of channels, at the frequencies of RoPE: queries and keys are turned by their number in
    these tokens, and the state back by the number of all of them, so that it needs no count and no angle grows. Then RMSNorm of
    every head, a gate, and a projection. Rows are not divided by the sum of decays, as in flash-linear-attention.
    Half-lives are 22, 44, 88, 177, … tokens, whatever the trained length.

    Args:
        layer: the layer that it is made for.
        heads: number of heads; None is that of the decoder.
        state: channels of queries and keys per head; None is dim / heads.
        expand: width of values, as a multiple of dim.
        rotate: whether queries and keys are turned.
        base: base of the frequencies.
        gate: of the output.
    """

    cost = "chunks"

    def __init__(
        self,
        layer: Layer,
        heads: int | None = None,
        state: int | None = None,
        expand: int = 2,
        rotate: bool = True,
        base: float = 10_000.0,
        gate: Gate = "silu",
    ) -> None:
        super().__init__(layer)
        self.heads, self.kind, self.base, self.rotate = head_count(layer, heads), gate, base, rotate
        require(state is None or state >= 1, f"mixer.state={state}: must be at least 1")
        require(expand >= 1, f"mixer.expand={expand}: must be at least 1")
        self.width = state or self.dim // self.heads
        require(base > 1, f"mixer.base={base}: must be above 1")
        require(
            not rotate or self.width % 2 == 0,
            f"mixer.state={self.width}: must be even with mixer.rotate=true",
        )
        self.query, self.key = (nn.Linear(self.dim, self.heads * self.width, bias=False) for _ in range(2))
        self.value = nn.Linear(self.dim, expand * self.dim, bias=False)
        self.gate = None if gate == "none" else nn.Linear(self.dim, expand * self.dim, bias=False)
        self.norm = nn.RMSNorm(expand * self.dim // self.heads, EPSILON)
        self.out = nn.Linear(expand * self.dim, self.dim, bias=False)

    def mix(
        self, x: Float[Tensor, "batch time dim"], state: State | None
    ) -> tuple[Float[Tensor, "batch time dim"], State]:
        """See `Recurrent`."""
        projected = self.query(x), self.key(x), self.value(x)
        gate, time = (None if self.gate is None else self.gate(x)), x.shape[1]
        with exact(x):
            query, key, value = (of_heads(part, self.heads) for part in projected)
            if self.rotate:
                step = torch.arange(1, time + 1, device=x.device).unsqueeze(-1)
                query, key = self._turned(query, step), self._turned(key, step)
            head = torch.arange(self.heads, device=x.device, dtype=query.dtype).view(1, 1, -1, 1)
            rate = torch.log1p(-(2 ** (-5 - head))).expand(*query.shape[:2], -1, -1)
            mixed, after = decayed(query, key, value, rate, None if state is None else state[0])
            if self.rotate:
                after = self._turned(after.mT, torch.tensor(-time, device=x.device)).mT
            mixed = self.norm(mixed * self.width**-0.5).flatten(2)
            mixed = gated(mixed, gate, self.kind)
        out: Tensor = self.out(mixed.to(x.dtype))
        return out, (after,)

    def _turned(self, x: Tensor, steps: Tensor) -> Tensor:
        """Turn the pairs (c, c + half) of the last axis by a number of steps, which is broadcast against the other axes."""
        half = torch.arange(self.width // 2, device=x.device, dtype=x.dtype)
        angle = steps.to(x.dtype).unsqueeze(-1) * self.base ** (-2 * half / self.width)
        cos, sin = angle.cos(), angle.sin()
        left, right = x.chunk(2, -1)
        return torch.cat([left * cos - right * sin, left * sin + right * cos], -1)
