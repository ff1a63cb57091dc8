"""Positions dropped, then training at the trained length (DroPE; Gelberg et al. 2025)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lengen.decoder import Decoder
from lengen.extend import require_pe
from lengen.extend.view import parts_of
from lengen.pe.rope import RoPE
from lengen.positions import Positions
from lengen.tuning import Base, Tuning


class DroPE(Tuning):
    """Rotations are left out and all parameters trained further, at lengths of training: the run becomes one of `pe=nope`.

    Before the first step it is `extend=p_rope` with a share of 0, which usually has no right answer left.
    """

    trains = ""
    steps = 200
    rate = 1e-3
    stretch = 1.0

    def check(self, decoder: Decoder, positions: Positions) -> None:
        """Rotations have no parameters, so that those of the run are those of a decoder without."""
        require_pe(parts_of(decoder, positions), [RoPE], "pe=rope")

    def record(self, record: Mapping[str, Any], base: Base) -> dict[str, Any]:
        """No positions."""
        return {
            "pe": {"_target_": "lengen.pe.nope.NoPE"},
            "positions": {"_target_": "lengen.positions.contiguous.Contiguous"},
            "labels": {**record["labels"], "pe": "nope", "positions": "contiguous"},
        }
