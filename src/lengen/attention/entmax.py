"""Entmax in place of softmax: weights can be exactly 0 (Peters et al. 2019; Correia et al. 2019)."""

from __future__ import annotations

from typing import Literal

from entmax import entmax15, entmax_bisect, sparsemax
from torch import Tensor

from lengen.attention import AttentionRule
from lengen.block.inputs import BlockInputs, Logits, Shape
from lengen.config.errors import require

EXACT = {1.5: entmax15, 2.0: sparsemax}
"""Solutions by sorting, by alpha; other alphas are solved by bisection."""


class Entmax(AttentionRule):
    """Weights relu((alpha - 1) z - tau)^(1 / (alpha - 1)), with tau such that they sum to 1; z = scale * q k + bias.

    Keys more than 1 / (alpha - 1) below the largest logit have a weight of exactly 0 and no gradient, so that the number
    of keys with a weight does not grow with length if their logits stand out. Alpha towards 1 is softmax, 2 is sparsemax.
    The bias of the encoding is part of z: if it is steep, far keys get no weight. Defined at every length. Cost: explicit
    weights and a sort (for alphas other than 1.5 and 2 a bisection, which is much slower), time and memory quadratic in
    tokens.

    Args:
        shape: the decoder's shape.
        scale: `head_dim` divides the logits by sqrt(head_dim); `none` does not (T5; Kazemnejad et al. 2023).
        alpha: exponent of entmax, in (1, 2].
    """

    both_ways = True
    fused = False
    sparse = True

    def __init__(
        self, shape: Shape, scale: Literal["head_dim", "none"] = "head_dim", alpha: float = 1.5
    ) -> None:
        super().__init__(shape, scale)
        require(1 < alpha <= 2, f"attention.alpha={alpha}: must be in (1, 2]")  # noqa: PLR2004
        self.alpha = alpha

    def normalise(self, logits: Logits, inputs: BlockInputs) -> Logits:
        """Entmax over the keys. Logits too low to get a weight are clamped first, as minus infinity would give NaN."""
        depth = 1 + 1 / (self.alpha - 1)
        logits = (logits - logits.detach().amax(-1, keepdim=True)).clamp(min=-depth)
        exact = EXACT.get(self.alpha)
        weights: Tensor = exact(logits, dim=-1) if exact else entmax_bisect(logits, self.alpha, dim=-1)
        return weights
