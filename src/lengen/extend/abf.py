"""Another base (adjusted base frequency; Xiong et al. 2023)."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from lengen.config.errors import require
from lengen.extend import Sizes
from lengen.extend.frequencies import Frequencies, of_base
from lengen.pe.rope import RoPE


class ABF(Frequencies):
    """base^(-2c/r) with another base than in training, as the source does before it trains on.

    Args:
        base: above 1; the source takes 500,000.
    """

    all_forms = True

    def __init__(self, base: float = 500000.0) -> None:
        require(base > 1, f"extend.abf.base={base}: must be above 1")
        self.base = base

    def frequencies(
        self, trained: Float[Tensor, " pair"], rope: RoPE, sizes: Sizes
    ) -> Float[Tensor, " pair"]:
        """Those of the base."""
        return of_base(rope, self.base)
