"""Short strings at many scales of positions (E2-LLM; Liu et al. 2024)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lengen.config.errors import require
from lengen.decoder import Decoder
from lengen.extend import require_counts, require_pe
from lengen.extend.view import parts_of
from lengen.pe.rope import RoPE
from lengen.positions import Positions
from lengen.tuning import Base, Tuning


class E2(Tuning):
    """All parameters are trained further on strings of trained lengths, whose positions are (index + t) / g with drawn g and t.

    In evaluation positions are divided by `factor`. Before the first step it is `extend=interpolate`.

    Args:
        scales: largest g, at least 1 (20 in the source).
        factor: divides positions in evaluation, at least 1: the longest evaluated length by the trained one.
        window: approximate number of tokens of the longest trained example, at least 1; None takes those of the base.
    """

    trains = ""
    steps = 500
    rate = 1e-3
    stretch = 1.0

    def __init__(self, scales: int = 20, factor: float = 4.0, window: int | None = None) -> None:
        require(scales >= 1, f"tune.scales={scales}: must be at least 1")
        require(factor >= 1, f"tune.factor={factor}: must be at least 1")
        require(window is None or window >= 1, f"tune.window={window}: must be null, or at least 1")
        self.scales, self.factor, self.window = scales, factor, window

    def check(self, decoder: Decoder, positions: Positions) -> None:
        """Rotations by real positions, counted from 0."""
        require_pe(parts_of(decoder, positions), [RoPE], "pe=rope")
        require_counts(positions)

    def record(self, record: Mapping[str, Any], base: Base) -> dict[str, Any]:
        """Drawn positions."""
        return {
            "positions": {
                "_target_": "lengen.positions.e2.E2", "scales": self.scales, "factor": self.factor,
                "window": self.window or base.tokens,
            },
            "labels": {**record["labels"], "positions": "e2"},
        }  # fmt: skip
