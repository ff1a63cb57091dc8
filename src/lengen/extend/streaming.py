"""A window and the first tokens (attention sinks; Xiao et al. 2024), positions as they are."""

from __future__ import annotations

from lengen.config.errors import require
from lengen.extend import Extension, Fit, Parts, Sizes
from lengen.extend.rules import Hiding, between


class Streaming(Extension):
    """Each row sees the first tokens and the last `window`, itself included.

    The source counts positions inside the cache. Here they stay as they are, which is the same for encodings without positions; with
    `pe=rope` combine it with `extend=[rerope,streaming]`, whose distances do not exceed a window either. What stands between is not
    seen, so that tasks that need it cannot be solved.

    Args:
        window: tokens, at least 1; None takes the trained tokens less the first ones.
        first: first tokens that every row sees, at least 0 (4 in the source).
    """

    slot = "visibility"

    def __init__(self, window: int | None = None, first: int = 4) -> None:
        require(
            window is None or window >= 1, f"extend.streaming.window={window}: must be null, or at least 1"
        )
        require(first >= 0, f"extend.streaming.first={first}: must be at least 0")
        self.window, self.first = window, first

    def fit(self, parts: Parts) -> Fit:
        """Exact where positions are not read."""
        return "approximate" if parts.pe.reads else "exact"

    def changed(self, parts: Parts, sizes: Sizes) -> Parts:
        """Hide what is between."""
        hidden = between(self.first, self._window(sizes))
        return parts.with_rules(lambda rule: Hiding(rule, hidden))

    def changes_nothing(self, sizes: Sizes) -> bool:
        """Up to as many tokens as are seen."""
        return self.first + self._window(sizes) >= sizes.tokens

    def _window(self, sizes: Sizes) -> int:
        return self.window or max(sizes.trained - self.first, 1)
