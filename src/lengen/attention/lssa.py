"""Length-scaled softplus attention (Gao and Spratling 2025)."""

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
    """Weights softplus(ln d * ln n * cos(q, k) + bias), divided by their sum; n keys are seen by the row, d is head_dim.

    Queries and keys count by their direction alone; there is no 1 / sqrt(d). In the first row ln n is 0, and its only key
    has all weight. The bias of an encoding is added inside of the softplus, which is our reading (the paper has
    RoPE): unlike under a softmax, a bias that is constant along a row matters, and one that is far below 0 hides. Terms
    that an encoding makes of queries itself (cope, wavelet, rcmha) are of queries as they were, of any length. The
    paper was not read itself; its later version is followed, in which queries and keys are normalised. Explicit
    weights: time and memory quadratic in tokens. Beyond the trained length logits go on growing as ln n.

    Args:
        shape: the decoder it serves.
    """

    fused: ClassVar[bool] = False
    directions: ClassVar[bool] = True

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape)
        require(shape.head_dim >= 2, f"attention=lssa: a head of {shape.head_dim} channel has ln 1 = 0")  # noqa: PLR2004
        self.scale = math.log(shape.head_dim)

    def forward(
        self,
        query: Queries,
        key: Keys,
        value: Keys,
        bias: MaskedBias | None,
        inputs: BlockInputs,
    ) -> Queries:
        """See `AttentionRule`; with queries and keys of length 1."""
        query, key = (normalize(wide(x), dim=-1).to(x.dtype) for x in (query, key))
        return super().forward(query, key, value, bias, inputs)

    def sharpen(self, inputs: BlockInputs) -> Float[Tensor, "query 1"]:
        """The logarithm of the row's keys."""
        return counted(inputs).log()

    def normalise(self, logits: Logits, inputs: BlockInputs) -> Logits:
        """Softplus, divided by the sum over the keys."""
        positive = softplus(logits)
        return positive / positive.sum(-1, keepdim=True).clamp(min=torch.finfo(positive.dtype).tiny)
