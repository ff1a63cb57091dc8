"""No positional encoding: order enters through the causal mask alone (Kazemnejad et al. 2023; Haviv et al. 2022)."""

from __future__ import annotations

from typing import ClassVar

from lengen.pe import PositionalEncoding


class NoPE(PositionalEncoding):
    """Nothing is added anywhere. Fused attention: time quadratic, memory linear in tokens; defined at every length."""

    reads: ClassVar[bool] = False
