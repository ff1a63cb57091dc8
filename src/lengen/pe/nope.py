"""No positional encoding: order enters through the causal mask alone (Kazemnejad et al. 2023; Haviv et al. 2022)."""

from __future__ import annotations

from typing import ClassVar

from lengen.pe import PositionalEncoding


class NoPE(PositionalEncoding):
    """Use no positions: every hook does nothing. Defined at every length.

    Cost: fused attention, time quadratic and memory linear in tokens.
    """

    reads: ClassVar[bool] = False
    both_ways: ClassVar[bool] = True
