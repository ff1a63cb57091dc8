"""Gated DeltaNet: the delta rule on a state that decays (Yang, Kautz and Hatamizadeh 2025)."""

from __future__ import annotations

from typing import Literal

from lengen.mixer import Layer
from lengen.mixer.deltaproduct import DeltaProduct
from lengen.mixer.parts import Gate


class GatedDeltaNet(DeltaProduct):
    """S' = a (I - beta k k^T) S + beta k v^T, o = q S / sqrt(channels) (Yang, Kautz and Hatamizadeh 2025, equation 10).

    As DeltaNet, with a decay a = exp(-exp(A) softplus(W x + b)) per head and a gate. A starts uniform in 0.01 to 16, the softplus of b
    log-uniform in 0.001 to 0.1.

    Args:
        layer: the layer that it is made for.
        heads: number of heads; None is that of the decoder.
        state: channels of queries and keys per head; None is dim / heads.
        conv: tokens of the short convolution; 0 is none, as claims on what one layer can track need.
        negative_eigenvalues: whether beta goes up to 2 (Grazzi et al. 2024).
        gate: of the output.
    """

    def __init__(
        self,
        layer: Layer,
        heads: int | None = None,
        state: int | None = None,
        conv: Literal[0, 4] = 4,
        negative_eigenvalues: bool = False,
        gate: Gate = "silu",
    ) -> None:
        super().__init__(layer, 1, heads, state, conv, negative_eigenvalues, decay=True, gate=gate)
