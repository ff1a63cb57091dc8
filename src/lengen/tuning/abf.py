"""Another base of the rotations, then training (adjusted base frequency; Xiong et al. 2023), also with scaled logits (EABF; Zhang et al. 2024)."""

from __future__ import annotations

from dataclasses import replace

from lengen.config.errors import require
from lengen.decoder import Decoder
from lengen.extend import abf, require_pe
from lengen.extend.log_n import LogN
from lengen.extend.view import parts_of, view
from lengen.pe.rope import RoPE
from lengen.positions import Positions
from lengen.positions.contiguous import Contiguous
from lengen.tuning import Base, Tuning


class ABF(Tuning):
    """All parameters are trained further with another base of the rotations. Before the first step it is `extend=abf`.

    Args:
        base: above 1; the source takes 500,000.
    """

    trains = ""
    steps = 200
    rate = 1e-3

    def __init__(self, base: float = 500000.0) -> None:
        require(base > 1, f"tune.base={base}: must be above 1")
        self.base = base

    def check(self, decoder: Decoder, positions: Positions) -> None:
        """Rotations are needed."""
        require_pe(parts_of(decoder, positions), [RoPE], "pe=rope")

    def changed(self, decoder: Decoder, base: Base) -> Decoder:
        """Rotate by the other frequencies."""
        return view(decoder, abf.ABF(self.base).changed(parts_of(decoder, Contiguous()), base.sizes))


class EntropyABF(ABF):
    """The same with logits times max(1, ln n / ln L) in all layers but the first ones, n keys seen, L tokens trained.

    The source tunes with 100 strings and 6 steps.

    Args:
        base: above 1; the source takes 500,000.
        layers: first layers whose logits are not multiplied, at least 0 (2 in the source).
    """

    steps = 6

    def __init__(self, base: float = 500000.0, layers: int = 0) -> None:
        super().__init__(base)
        require(layers >= 0, f"tune.layers={layers}: must be at least 0")
        self.layers = layers

    def changed(self, decoder: Decoder, base: Base) -> Decoder:
        """Scale the logits, too."""
        parts = abf.ABF(self.base).changed(parts_of(decoder, Contiguous()), base.sizes)
        scaled = LogN().changed(parts, base.sizes)
        rules = tuple(
            plain if layer <= self.layers else other
            for layer, (plain, other) in enumerate(zip(parts.rules, scaled.rules, strict=True), 1)
        )
        return view(decoder, replace(parts, rules=rules))
