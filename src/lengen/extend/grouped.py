"""Neighbours share a trained position, or positions start again (grouped and recurrent positions; LongEmbed, Zhu et al. 2024)."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Literal

from torch import Tensor

from lengen.extend import DoesNotApplyError, Extension, Fit, Parts, Sizes
from lengen.extend.mapped_positions import MappedPositions


class Grouped(Extension):
    """floor(p / ceil(n / L)), or p mod L, in place of position p, with L trained positions and n evaluated tokens.

    Args:
        kind: `grouped`, or `recurrent`.
    """

    slot = "positions"

    def __init__(self, kind: Literal["grouped", "recurrent"] = "grouped") -> None:
        self.kind = kind

    def fit(self, parts: Parts) -> Fit:
        """Exact for embeddings of positions, for which it was made; refused where positions must grow."""
        if not parts.pe.reads or parts.pe.streams is not None or parts.pe.distances:
            raise DoesNotApplyError(
                "pe", parts.pe, "an encoding that reads one position a token, which may repeat"
            )
        return "approximate" if parts.pe.relative else "exact"

    def changed(self, parts: Parts, sizes: Sizes) -> Parts:
        """Map the positions."""
        size = math.ceil(sizes.tokens / sizes.positions)

        def mapped(found: Tensor) -> Tensor:
            return found // size if self.kind == "grouped" else found % sizes.positions

        return replace(parts, positions=MappedPositions(parts.positions, mapped))

    def changes_nothing(self, sizes: Sizes) -> bool:
        """Up to the trained number of positions."""
        return sizes.tokens <= sizes.positions
