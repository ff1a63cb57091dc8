"""A base that grows with the evaluated length (dynamic NTK scaling; emozilla 2023)."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from lengen.config.errors import require
from lengen.extend import Sizes
from lengen.extend.frequencies import Frequencies, of_base
from lengen.extend.ntk import grown
from lengen.pe.rope import RoPE


class DynamicNTK(Frequencies):
    """base * (f n / L - (f - 1))^(r / (r - 2)) where n, the evaluated number of tokens, is above the trained L.

    Up to L nothing changes. The source recomputes frequencies as the text grows, so that keys in a cache have other angles than a
    full pass; here n is that of the evaluated length, for all rows.

    Args:
        factor: f, at least 1; 2 is 2n/L - 1.
    """

    def __init__(self, factor: float = 2.0) -> None:
        require(factor >= 1, f"extend.dynamic_ntk.factor={factor}: must be at least 1")
        self.factor = factor

    def frequencies(
        self, trained: Float[Tensor, " pair"], rope: RoPE, sizes: Sizes
    ) -> Float[Tensor, " pair"]:
        """Those of the larger base."""
        return of_base(rope, grown(rope, self.factor * sizes.stretch - (self.factor - 1)))

    def changes_nothing(self, sizes: Sizes) -> bool:
        """Up to the trained number of tokens."""
        return sizes.tokens <= sizes.trained
