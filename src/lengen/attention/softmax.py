"""Scaled dot-product attention (Vaswani et al. 2017, eq. 1)."""

from __future__ import annotations

from typing import Literal

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from lengen.attention import AttentionRule
from lengen.pe import Shape


class Softmax(AttentionRule):
    """softmax(scale * q k + bias) v, fused wherever torch has a kernel for it.

    Args:
        shape: the decoder it serves.
        scale: `head_dim` divides logits by its square root; `none` leaves them (T5, and the central paper).
    """

    def __init__(self, shape: Shape, scale: Literal["head_dim", "none"] = "head_dim") -> None:
        super().__init__(shape)
        self.scale = shape.head_dim**-0.5 if scale == "head_dim" else 1.0

    def forward(
        self,
        query: Float[Tensor, "batch heads query head_dim"],
        key: Float[Tensor, "batch heads key head_dim"],
        value: Float[Tensor, "batch heads key head_dim"],
        bias: Float[Tensor, "#batch #heads query key"] | None,
    ) -> Float[Tensor, "batch heads query head_dim"]:
        """See `AttentionRule.forward`."""
        causal = bias is None and query.shape[2] > 1
        mask = None if bias is None else bias.to(query.dtype)
        return scaled_dot_product_attention(
            query, key, value, attn_mask=mask, is_causal=causal, scale=self.scale
        )
