"""LM-Infinite (Han et al. 2024): the first tokens and a window are seen, distances stop growing."""

from __future__ import annotations

from dataclasses import replace

from lengen.config.errors import require
from lengen.extend import Parts, Sizes
from lengen.extend.geometry import Windowed
from lengen.extend.rules import Hiding, between


class LMInfinite(Windowed):
    """Each row sees the first tokens and those less than `window` back; beyond the window all distances are `window`.

    What stands between is not seen at all, so that tasks that need it cannot be solved beyond the window.

    Args:
        window: tokens back, at least 1; None takes half of the trained tokens.
        first: first tokens that every row sees, at least 0 (10 in the source, of 4,096).
    """

    def __init__(self, window: int | None = None, first: int = 1) -> None:
        require(
            window is None or window >= 1, f"extend.lm_infinite.window={window}: must be null, or at least 1"
        )
        require(first >= 0, f"extend.lm_infinite.first={first}: must be at least 0")
        self.window, self.first = window, first

    def changed(self, parts: Parts, sizes: Sizes) -> Parts:
        """Change distances, and hide what is between."""
        changed, hidden = super().changed(parts, sizes), between(self.first, self.width(sizes))
        return replace(changed, rules=tuple(Hiding(rule, hidden) for rule in changed.rules))
