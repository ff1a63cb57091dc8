"""Dual chunk attention (An et al. 2024): no distance beyond a chunk."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from lengen.config.errors import require
from lengen.extend import Sizes
from lengen.extend.geometry import Geometry, Region


class DualChunk(Geometry):
    """Keys stand at their place in their chunk of C = S - w tokens; queries at a place that depends on how far back the key's chunk is.

    Same chunk: their own distance. The chunk before: the query at min(i mod C + C, S). Older ones: the query at S. So distances up to
    w are exact, and none exceeds S.

    Args:
        size: S in tokens, at least 2; None takes three quarters of the trained tokens.
        window: w in tokens, from 1 to S - 1; None takes an eighth of the trained tokens.
    """

    def __init__(self, size: int | None = None, window: int | None = None) -> None:
        require(size is None or size >= 2, f"extend.dual_chunk.size={size}: must be null, or at least 2")  # noqa: PLR2004
        require(
            window is None or window >= 1, f"extend.dual_chunk.window={window}: must be null, or at least 1"
        )
        require(
            size is None or window is None or window < size,
            f"extend.dual_chunk.window={window}: must be below extend.dual_chunk.size={size}",
        )
        self.size, self.window = size, window

    def regions(self, query: Tensor, key: Tensor, sizes: Sizes) -> Sequence[Region]:
        """The same chunk, the one before, all older ones."""
        size, window = self.chosen(sizes)
        chunk = size - window
        back = (query // chunk).unsqueeze(-1) - (key // chunk).unsqueeze(-2)
        place = key % chunk
        return (
            Region(query % chunk, place, back == 0),
            Region((query % chunk + chunk).clamp(max=size), place, back == 1),
            Region(query * 0 + size, place, None),
        )

    def chosen(self, sizes: Sizes) -> tuple[int, int]:
        """Return S and w at these lengths."""
        size = self.size or max(3 * sizes.trained // 4, 2)
        return size, min(self.window or max(sizes.trained // 8, 1), size - 1)

    def changes_nothing(self, sizes: Sizes) -> bool:
        """Up to one chunk."""
        size, window = self.chosen(sizes)
        return sizes.tokens <= size - window
