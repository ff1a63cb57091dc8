"""Distances of T5 beyond training are read as the largest trained one."""

from __future__ import annotations

from dataclasses import replace

from jaxtyping import Int
from torch import Tensor

from lengen.extend import Extension, Fit, Parts, Sizes, require_pe
from lengen.extend.adopted import Adopted
from lengen.pe.t5 import T5


class T5Reach(Extension):
    """Distances of the trained number of positions and more use the bucket of the largest trained distance.

    So no bucket is read that training never visited. No source is known; the rule is ours.
    """

    slot = "encoding"

    def fit(self, parts: Parts) -> Fit:
        """Exact for `pe=t5`."""
        require_pe(parts, [T5], "pe=t5")
        return "exact"

    def changed(self, parts: Parts, sizes: Sizes) -> Parts:
        """Limit the distances."""
        assert isinstance(parts.pe, T5)
        return replace(parts, pe=ReachedT5(parts.pe, sizes.positions - 1))

    def changes_nothing(self, sizes: Sizes) -> bool:
        """Up to the trained number of positions."""
        return sizes.tokens <= sizes.positions


class ReachedT5(Adopted, T5):
    """Trained biases whose distances are limited.

    Args:
        trained: the trained encoding.
        largest: the largest distance.
    """

    def __init__(self, trained: T5, largest: int) -> None:
        super().__init__(trained)
        self.largest = largest

    def bucket(self, distance: Int[Tensor, "*shape"]) -> Int[Tensor, "*shape"]:
        """See `T5`."""
        found: Tensor = super().bucket(distance.clamp(max=self.largest))
        return found
