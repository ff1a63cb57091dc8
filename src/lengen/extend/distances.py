"""Distances divided by a factor, for trained biases of distances (ALiBi, KERPLE, Sandwich and their like)."""

from __future__ import annotations

from dataclasses import replace

from jaxtyping import Real
from torch import Tensor

from lengen.block.inputs import LogitBias
from lengen.config.errors import require
from lengen.extend import Fit, Parts, Sizes, require_pe
from lengen.extend.adopted import Adopted
from lengen.extend.stretched import Stretched
from lengen.pe import PositionalEncoding
from lengen.pe.alibi import ALiBi
from lengen.pe.kerple import Kerple
from lengen.pe.layered import LayeredBias
from lengen.pe.nape import NAPE
from lengen.pe.sandwich import Sandwich

KINDS = (ALiBi, Kerple, Sandwich, NAPE)


class Distances(Stretched):
    """Read every distance divided by a factor, so that the longest is one of training. No source is known but for ALiBi; ours.

    Args:
        factor: at least 1; None takes the evaluated number of tokens divided by the trained one.
    """

    slot = "encoding"

    def __init__(self, factor: float | None = None) -> None:
        require(
            factor is None or factor >= 1, f"extend.distances.factor={factor}: must be null, or at least 1"
        )
        self.factor = factor

    def fit(self, parts: Parts) -> Fit:
        """Approximate: the sources do not define it."""
        require_pe(parts, KINDS, "a bias of real distances: alibi, kerple, nape or sandwich")
        return "approximate"

    def changed(self, parts: Parts, sizes: Sizes) -> Parts:
        """Divide the positions that the bias reads."""
        kind = type(parts.pe)
        base = DividedLayers if isinstance(parts.pe, LayeredBias) else Divided
        divided = type(f"Divided{kind.__name__}", (base, kind), {})
        return replace(parts, pe=divided(parts.pe, self.stretch(sizes)))


class Divided(Adopted):
    """Trained biases that read divided positions.

    Args:
        trained: the trained encoding.
        factor: divides all positions.
    """

    def __init__(self, trained: PositionalEncoding, factor: float) -> None:
        super().__init__(trained)
        self.factor_on_distances = factor

    def logit_bias(
        self, query: Real[Tensor, "#batch query"], key: Real[Tensor, "#batch key"]
    ) -> LogitBias | None:
        """See `PositionalEncoding`."""
        factor = self.factor_on_distances
        return super().logit_bias(query / factor, key / factor)


class DividedLayers(Divided, LayeredBias):
    """Trained biases with tables for layers that read divided positions."""

    def logit_bias(
        self, query: Real[Tensor, "#batch query"], key: Real[Tensor, "#batch key"]
    ) -> LogitBias | None:
        """See `LayeredBias`."""
        return LayeredBias.logit_bias(self, query, key)  # which calls `learned`

    def learned(
        self, table: int, query: Real[Tensor, "#batch query"], key: Real[Tensor, "#batch key"]
    ) -> LogitBias:
        """See `LayeredBias`."""
        factor = self.factor_on_distances
        found: LogitBias = super().learned(table, query / factor, key / factor)
        return found
