"""Scaled dot-product attention (Vaswani et al. 2017, eq. 1)."""

from __future__ import annotations

from lengen.attention import AttentionRule


class Softmax(AttentionRule):
    """softmax(scale * q k + bias) v, fused wherever torch has a kernel for it.

    Time is quadratic in tokens; memory is linear without a bias, quadratic with one.

    Args:
        shape: the decoder it serves.
        scale: `head_dim` divides logits by its square root; `none` leaves them (T5, and the central paper).
    """
