"""LSSA: length-scaled softplus attention (Gao and Spratling 2025)."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize, softplus

from lengen.attention import AttentionRule
from lengen.attention.log_n import counted
from lengen.block.inputs import BlockInputs, Keys, Logits, MaskedBias, Queries, Shape, wide
from lengen.config.errors import require


class LSSA(AttentionRule):
    """Weights softplus(ln d * ln n * cos(q, k) + bias), divided by their sum; the row sees n keys, d is head_dim.

    Only the directions of queries and keys matter; there is no factor 1 / sqrt(d). In the first row ln n is 0, and its
    only key has all the weight. The bias of an encoding is added inside the softplus, which is our interpretation (the
    paper uses RoPE): unlike under a softmax, a bias that is constant along a row matters, and one far below 0 masks the
    key. Terms that an encoding computes from queries (cope, wavelet, rcmha) use queries before normalisation. We follow
    descriptions of the paper's later version, in which queries and keys are normalised; the paper itself was not
    consulted. Beyond the trained length logits keep growing as ln n. Cost: explicit weights, time and memory quadratic in
    tokens.

    Args:
        shape: the decoder's shape.
    """

    fused: ClassVar[bool] = False
    directions = True

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape)
        require(
            shape.head_dim >= 2,  # noqa: PLR2004
            f"decoder.dim={shape.dim} with decoder.heads={shape.heads}: gives {shape.head_dim} channel per head; must be at "
            f"least 2 for attention={type(self).__name__.lower()}, whose scale is their logarithm",
        )
        self.scale = math.log(shape.head_dim)

    def forward(
        self,
        query: Queries,
        key: Keys,
        value: Keys,
        bias: MaskedBias | None,
        inputs: BlockInputs,
    ) -> Queries:
        """See `AttentionRule`; queries and keys are normalised first."""
        query, key = (normalize(wide(x), dim=-1).to(x.dtype) for x in (query, key))
        return super().forward(query, key, value, bias, inputs)

    def sharpen(self, inputs: BlockInputs) -> Float[Tensor, "query 1"]:
        """The logarithm of the row's number of keys."""
        return counted(inputs).log()

    def normalise(self, logits: Logits, inputs: BlockInputs) -> Logits:
        """Softplus, divided by its sum over the keys."""
        positive = softplus(logits)
        return positive / positive.sum(-1, keepdim=True).clamp(min=torch.finfo(positive.dtype).tiny)
