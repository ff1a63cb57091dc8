"""Other slopes for linear biases; with L/n they are interpolated (Al-Khateeb et al. 2023)."""

from __future__ import annotations

from dataclasses import replace

from lengen.config.errors import require
from lengen.extend import Extension, Fit, Parts, Sizes, require_pe
from lengen.pe.alibi import ALiBi


class AlibiSlopes(Extension):
    """Multiply all slopes by a factor: below 1 the bias of the longest distance is that of training, above 1 attention is nearer.

    Args:
        factor: above 0; None is interpolation, the trained number of tokens divided by the evaluated one.
    """

    slot = "encoding"

    def __init__(self, factor: float | None = None) -> None:
        require(
            factor is None or factor > 0, f"extend.alibi_slopes.factor={factor}: must be null, or above 0"
        )
        self.factor = factor

    def fit(self, parts: Parts) -> Fit:
        """Exact for `pe=alibi`."""
        require_pe(parts, [ALiBi], "pe=alibi")
        return "exact"

    def changed(self, parts: Parts, sizes: Sizes) -> Parts:
        """Replace the encoding, which has no parameters."""
        assert isinstance(parts.pe, ALiBi)
        factor = self.factor or 1 / sizes.stretch
        return replace(parts, pe=ALiBi(parts.pe.shape, [slope * factor for slope in parts.pe.slopes]))

    def changes_nothing(self, sizes: Sizes) -> bool:
        """With a factor of 1."""
        return (self.factor or 1 / sizes.stretch) == 1
