"""Entmax in place of softmax: weights that are exactly 0 (Peters et al. 2019; Correia et al. 2019)."""

from __future__ import annotations

from typing import Literal

from entmax import entmax15, entmax_bisect, sparsemax
from torch import Tensor

from lengen.attention import AttentionRule
from lengen.block.inputs import BlockInputs, Logits, Shape
from lengen.config.errors import require

EXACT = {1.5: entmax15, 2.0: sparsemax}
"""What is solved by sorting; other values by bisection."""


class Entmax(AttentionRule):
    """Weights relu((alpha - 1) z - tau)^(1 / (alpha - 1)), with tau such that they sum to 1; z = scale * q k + bias.

    Keys more than 1 / (alpha - 1) below the largest logit have a weight of exactly 0 and no gradient: how many have one
    does not grow with the number of keys, if their logits stand out. Alpha towards 1 is softmax, 2 is sparsemax. The
    bias of the encoding is part of z: under a steep one far keys are not seen. Explicit weights and a sort (bisection
    for alphas other than 1.5 and 2, much slower): time and memory quadratic in tokens. Defined at every length.

    Args:
        shape: the decoder it serves.
        scale: `head_dim` divides logits by its square root; `none` leaves them (T5, and the central paper).
        alpha: above 1, up to 2.
    """

    fused = False
    sparse = True

    def __init__(
        self, shape: Shape, scale: Literal["head_dim", "none"] = "head_dim", alpha: float = 1.5
    ) -> None:
        super().__init__(shape, scale)
        require(1 < alpha <= 2, f"attention.alpha={alpha}: allowed is above 1, up to 2")  # noqa: PLR2004
        self.alpha = alpha

    def normalise(self, logits: Logits, inputs: BlockInputs) -> Logits:
        """Entmax over the keys; those that surely have no weight are clamped, for what is minus infinity makes NaN."""
        depth = 1 + 1 / (self.alpha - 1)
        logits = (logits - logits.detach().amax(-1, keepdim=True)).clamp(min=-depth)
        exact = EXACT.get(self.alpha)
        weights: Tensor = exact(logits, dim=-1) if exact else entmax_bisect(logits, self.alpha, dim=-1)
        return weights
