"""Extrapolatable position embedding, xPos (Sun et al. 2023, section 3.3)."""

from __future__ import annotations

import math
from typing import Literal

import torch
from jaxtyping import Float, Real
from torch import Tensor

from lengen.block.inputs import BlockInputs, Heads, Shape
from lengen.config.errors import require
from lengen.pe.rope import RoPE

LARGEST = 80.0
"""Natural logarithm of the largest factor on a query or key: far inside of float32, whose end is at 88."""


class XPos(RoPE):
    """`RoPE`, and pair c of a logit times zeta_c^(distance / scale_base), zeta_c = (2c/r + gamma) / (1 + gamma) < 1.

    Pair 0, the fastest, fades most, so that far keys are told apart by slow pairs alone. The factor is split as in the
    paper: pair c of queries times zeta_c^((position - centre) / scale_base), of keys the inverse. The centre is fixed,
    so that a key is cached as turned and scaled (torchscale has the middle of the current tokens and caches raw keys;
    distances see no centre). Positions whose factors leave float32 are refused: 32,696 of them are defined with the
    defaults, as many again with the largest centre; under float16 they overflow from some 4,500 at the latest. At
    trained lengths far below `scale_base` this is nearly RoPE. The paper's extrapolation also hides all but two blocks
    of keys (blockwise causal attention), which is an attention of its own. Fused attention: time quadratic, memory
    linear in tokens.

    Args:
        shape: the decoder it serves.
        base: see `RoPE`.
        fraction: see `RoPE`; r channels turn and scale.
        pairing: see `RoPE`.
        gamma: the larger, the slower everything fades; infinite is RoPE.
        scale_base: distance over which pair c fades by zeta_c.
        centre: position whose queries and keys keep their size.
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
        require(gamma > 0, f"pe.gamma={gamma}: allowed is above 0")
        require(scale_base > 0, f"pe.scale_base={scale_base}: allowed is above 0")
        steepest = math.log1p(1 / gamma) / scale_base
        self.span = LARGEST / steepest if steepest else math.inf
        require(
            0 <= centre <= self.span,
            f"pe.centre={centre}: allowed is 0 to {self.span:.0f}, where factors stay inside of float32",
        )
        self.gamma, self.scale_base, self.centre = gamma, scale_base, centre

    @property
    def budget(self) -> int | None:
        """Positions whose factors stay inside of float32."""
        return None if math.isinf(self.span) else math.floor(self.centre + self.span) + 1

    def make_table(self, positions: Real[Tensor, "#batch time"]) -> Float[Tensor, "4 #batch 1 time pair"]:
        """Cosine and sine of every angle, times the factor of queries, then times that of keys.

        Raises:
            UsageError: a position is out of budget.
        """
        require(
            self.budget is None or bool((positions < self.budget).all()),
            f"pe=xpos: factors stay inside of float32 for the positions below {self.budget}; "
            "allowed is a larger pe.scale_base or pe.centre",
        )
        turn, device = super().make_table(positions), positions.device
        pairs = torch.arange(0, self.channels, 2, dtype=torch.float32, device=device) / self.channels
        fade = torch.log((pairs + self.gamma) / (1 + self.gamma)) if math.isfinite(self.gamma) else 0 * pairs
        exponent = ((positions.float() - self.centre) / self.scale_base).unsqueeze(-1) * fade
        return torch.cat([turn * exponent.exp().unsqueeze(1), turn * (-exponent).exp().unsqueeze(1)])

    def transform(
        self,
        query: Heads,
        key: Heads,
        value: Heads,
        table: Tensor | None,
        inputs: BlockInputs,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Turn and scale queries and keys by their own positions."""
        assert table is not None
        return self.rotate(query, table[:2]), self.rotate(key, table[2:]), value
