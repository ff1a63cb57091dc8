"""RoPE and ALiBi combined: our own composition, not a published formula."""

from __future__ import annotations

from typing import Literal

from lengen.block.inputs import KeyPosition, LogitBias, QueryPosition, Shape
from lengen.config.errors import require
from lengen.pe.alibi import ALiBi
from lengen.pe.rope import RoPE


class RopeALiBi(RoPE):
    """Rotate queries and keys (`RoPE`), and subtract mix * slope * distance from the scaled logits (`ALiBi`).

    The rotation distinguishes positions, the slope suppresses far keys: with steep slopes heads learn rules over
    neighbouring tokens that hold at every length. Li 2024 (arXiv 2410.18441) announces a factored combination of the two
    with harmonic slopes; its formula was not available, and this is not an implementation of it. Cost: attention with a
    bias mask, time and memory quadratic in tokens.

    Args:
        shape: the decoder's shape.
        base: see `RoPE`.
        fraction: see `RoPE`.
        pairing: see `RoPE`.
        slopes: see `ALiBi`.
        mix: factor on the penalty; 0 is RoPE.
    """

    both_ways = True

    def __init__(
        self,
        shape: Shape,
        base: float = 10000.0,
        fraction: float = 1.0,
        pairing: Literal["half", "interleaved"] = "half",
        slopes: Literal["geometric", "harmonic"] | list[float] | None = None,
        mix: float = 1.0,
    ) -> None:
        super().__init__(shape, base, fraction, pairing)
        require(mix >= 0, f"pe.mix={mix}: must be at least 0")
        self.alibi, self.mix = ALiBi(shape, slopes), mix

    def logit_bias(self, query: QueryPosition, key: KeyPosition) -> LogitBias:
        """See `ALiBi`."""
        return self.mix * self.alibi.logit_bias(query, key)
