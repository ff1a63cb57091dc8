"""Scaled dot-product attention (Vaswani et al. 2017, eq. 1)."""

from __future__ import annotations

from lengen.attention import AttentionRule


class Softmax(AttentionRule):
    """softmax(scale * q k + bias) v, by torch's fused kernel where there is one.

    Cost: time quadratic in tokens; memory linear without a bias, quadratic with one.

    Args:
        shape: the decoder's shape.
        scale: `head_dim` divides the logits by sqrt(head_dim); `none` does not (T5; Kazemnejad et al. 2023).
    """

    both_ways = True
