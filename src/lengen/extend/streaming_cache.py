"""A window and the first tokens, with positions inside the cache (StreamingLLM; Xiao et al. 2024)."""

from __future__ import annotations

from torch import Tensor

from lengen.config.errors import require
from lengen.extend import Sizes
from lengen.extend.geometry import Region
from lengen.extend.lm_infinite import LMInfinite


class StreamingCache(LMInfinite):
    """Each row sees the first tokens and the last `window`, itself included, at the places that they have in the cache.

    So no distance is above the size of the cache: that of the window is its own, and the first tokens stand right before it. What
    stands between is not seen, so that tasks that need it cannot be solved. For decoders without positions it is `streaming`.

    Args:
        window: tokens, at least 1; None takes the trained tokens less the first ones.
        first: first tokens that every row sees, at least 0 (4 in the source).
    """

    def __init__(self, window: int | None = None, first: int = 4) -> None:
        require(
            window is None or window >= 1,
            f"extend.streaming_cache.window={window}: must be null, or at least 1",
        )
        require(first >= 0, f"extend.streaming_cache.first={first}: must be at least 0")
        self.window, self.first = window, first

    def width(self, sizes: Sizes) -> int:
        """Return the window in tokens."""
        return self.window or max(sizes.trained - self.first, 1)

    def far(self, query: Tensor, key: Tensor, window: int) -> Region:
        """First tokens, seen from the last place of the cache."""
        return Region(query.clamp(max=self.first + window - 1), key, None)

    def changes_nothing(self, sizes: Sizes) -> bool:
        """Up to as many tokens as are seen."""
        return self.first + self.width(sizes) >= sizes.tokens
