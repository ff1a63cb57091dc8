"""Positions divided by the length (STAR; Xiao et al.), so that the last is the last trained one."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from lengen.extend import DoesNotApplyError, Extension, Fit, Parts, Sizes
from lengen.extend.mapped_positions import MappedPositions


class Normalised(Extension):
    """p L / max(n, L) in place of position p: positions are real numbers below the trained number L. Untrained, a control."""

    slot = "positions"

    def fit(self, parts: Parts) -> Fit:
        """Ours for all encodings that read real positions."""
        if not parts.pe.reads or parts.pe.streams is not None or parts.pe.whole:
            raise DoesNotApplyError("pe", parts.pe, "an encoding that reads real positions, one a token")
        return "approximate"

    def changed(self, parts: Parts, sizes: Sizes) -> Parts:
        """Divide the positions."""
        factor = self._factor(sizes)

        def divided(found: Tensor) -> Tensor:
            return found if factor == 1 else found.double() * factor

        return replace(parts, positions=MappedPositions(parts.positions, divided))

    def changes_nothing(self, sizes: Sizes) -> bool:
        """Up to the trained number of positions."""
        return self._factor(sizes) == 1

    def _factor(self, sizes: Sizes) -> float:
        return sizes.positions / max(sizes.tokens, sizes.positions)
