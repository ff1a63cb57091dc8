"""xPos: extrapolatable position embedding (Sun et al. 2023, section 3.3)."""

from __future__ import annotations

import math
from typing import Literal

import torch
from jaxtyping import Float, Real
from torch import Tensor

from lengen.block.inputs import BlockInputs, Heads, Shape
from lengen.config.errors import require
from lengen.pe.rope import RoPE

MAX_LOG_FACTOR = 80.0
"""Natural logarithm of the largest factor on a query or key; float32 overflows at 88."""


class XPos(RoPE):
    """`RoPE` with pair c of a logit multiplied by zeta_c^(distance / scale_base), zeta_c = (2c/r + gamma) / (1 + gamma) < 1.

    Pair 0, which has the highest frequency, decays fastest, so that far keys are distinguished by low frequencies only.
    The factor is split as in the paper: pair c of a query is multiplied by zeta_c^((position - centre) / scale_base), that
    of a key by the inverse. The centre is fixed, so that keys can be cached rotated and scaled (torchscale uses the middle
    of the current tokens and caches raw keys; the logits do not depend on the centre). Positions whose factors would
    overflow float32 are refused: with the defaults 32,696 positions are defined, with the largest centre twice as many;
    in float16 factors overflow from about position 4,500 at the latest. At trained lengths far below `scale_base` this is
    nearly RoPE. For extrapolation the paper also hides all but two blocks of keys, which is `attention=blockwise`. Cost:
    fused attention, time quadratic and memory linear in tokens.

    Args:
        shape: the decoder's shape.
        base: see `RoPE`.
        fraction: see `RoPE`; the r rotated channels are also scaled.
        pairing: see `RoPE`.
        gamma: the larger, the slower the decay; infinity is RoPE.
        scale_base: distance over which pair c decays by zeta_c.
        centre: position at which queries and keys are not scaled.
    """

    stretches = True

    def __init__(
        self,
        shape: Shape,
        base: float = 10000.0,
        fraction: float = 1.0,
        pairing: Literal["half", "interleaved"] = "half",
        gamma: float = 0.4,
        scale_base: float = 512.0,
        centre: float = 0.0,
    ) -> None:
        super().__init__(shape, base, fraction, pairing)
        require(gamma > 0, f"pe.gamma={gamma}: must be above 0")
        require(scale_base > 0, f"pe.scale_base={scale_base}: must be above 0")
        steepest = math.log1p(1 / gamma) / scale_base
        self.span = MAX_LOG_FACTOR / steepest if steepest else math.inf
        require(
            0 <= centre <= self.span,
            f"pe.centre={centre}: must be in [0, {self.span:.0f}], or factors overflow float32",
        )
        self.gamma, self.scale_base, self.centre = gamma, scale_base, centre

    @property
    def budget(self) -> int | None:
        """Number of positions whose factors do not overflow float32; None if no position overflows."""
        return None if math.isinf(self.span) else math.floor(self.centre + self.span) + 1

    def make_table(self, positions: Real[Tensor, "#batch time"]) -> Float[Tensor, "4 #batch 1 time pair"]:
        """Cosine and sine of every angle, times the factors of queries, then times those of keys.

        Raises:
            UsageError: a position is not below `budget`.
        """
        require(
            self.budget is None or bool((positions < self.budget).all()),
            f"pe=xpos: positions must be below {self.budget}, or factors overflow float32; "
            "a larger pe.scale_base or pe.centre allows more",
        )
        angles, device = super().make_table(positions), positions.device
        pairs = torch.arange(0, self.channels, 2, dtype=torch.float32, device=device) / self.channels
        decay = torch.log((pairs + self.gamma) / (1 + self.gamma)) if math.isfinite(self.gamma) else 0 * pairs
        exponent = ((positions.float() - self.centre) / self.scale_base).unsqueeze(-1) * decay
        return torch.cat([angles * exponent.exp().unsqueeze(1), angles * (-exponent).exp().unsqueeze(1)])

    def transform(
        self,
        query: Heads,
        key: Heads,
        value: Heads,
        table: Tensor | None,
        inputs: BlockInputs,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Rotate and scale queries and keys by their positions."""
        assert table is not None
        return self.rotate(query, table[:2]), self.rotate(key, table[2:]), value
