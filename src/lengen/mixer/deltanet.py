"""DeltaNet: a linear map that every token corrects at its key (Schlag et al. 2021; Yang, Wang, Zhang et al. 2024)."""

from __future__ import annotations

from typing import Literal

from lengen.mixer import Layer
from lengen.mixer.deltaproduct import DeltaProduct
from lengen.mixer.parts import Gate


class DeltaNet(DeltaProduct):
    """S' = (I - beta k k^T) S + beta k v^T, o = q S / sqrt(channels) (Yang, Wang, Zhang et al. 2024, equation 4).

    Queries and keys have length 1, after a short convolution and a SiLU; beta is a sigmoid, twice it with `negative_eigenvalues`
    (Grazzi et al. 2024), which parity needs. Then RMSNorm of every head, and a projection. What no token overwrites stays for ever.

    Args:
        layer: the layer that it is made for.
        heads: number of heads; None is that of the decoder.
        state: channels of queries and keys per head; None is dim / heads.
        conv: tokens of the short convolution; 0 is none, as claims on what one layer can track need.
        negative_eigenvalues: whether beta goes up to 2.
        gate: of the output.
    """

    def __init__(
        self,
        layer: Layer,
        heads: int | None = None,
        state: int | None = None,
        conv: Literal[0, 4] = 4,
        negative_eigenvalues: bool = False,
        gate: Gate = "none",
    ) -> None:
        super().__init__(layer, 1, heads, state, conv, negative_eigenvalues, decay=False, gate=gate)
