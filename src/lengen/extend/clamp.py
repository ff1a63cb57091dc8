"""Positions beyond training are the last trained one."""

from __future__ import annotations

from dataclasses import replace

from lengen.extend import DoesNotApplyError, Extension, Fit, Parts, Sizes
from lengen.extend.mapped_positions import MappedPositions


class Clamp(Extension):
    """min(p, L - 1) in place of position p, with L trained positions. Far tokens cannot be told apart: a control."""

    slot = "positions"

    def fit(self, parts: Parts) -> Fit:
        """Ours for all encodings that read one position a token and take equal ones."""
        if not parts.pe.reads or parts.pe.streams is not None or parts.pe.distances:
            raise DoesNotApplyError(
                "pe", parts.pe, "an encoding that reads one position a token, which may repeat"
            )
        return "approximate"

    def changed(self, parts: Parts, sizes: Sizes) -> Parts:
        """Limit the positions."""
        last = sizes.positions - 1
        return replace(parts, positions=MappedPositions(parts.positions, lambda found: found.clamp(max=last)))

    def changes_nothing(self, sizes: Sizes) -> bool:
        """Up to the trained number of positions."""
        return sizes.tokens <= sizes.positions
