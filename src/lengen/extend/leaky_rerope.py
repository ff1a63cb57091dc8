"""Leaky ReRoPE (Su 2023): distances grow more slowly beyond a window."""

from __future__ import annotations

from torch import Tensor

from lengen.config.errors import require
from lengen.extend import Sizes
from lengen.extend.geometry import Region, Windowed


class LeakyReRoPE(Windowed):
    """Keys less than `window` back at their own distance; farther ones at w + (distance - w) / leak.

    Args:
        window: w in tokens, at least 1; None takes half of the trained tokens (the source an eighth).
        leak: k, at least 1 (16 in the source).
    """

    def __init__(self, window: int | None = None, leak: float = 16.0) -> None:
        require(
            window is None or window >= 1,
            f"extend.leaky_rerope.window={window}: must be null, or at least 1",
        )
        require(leak >= 1, f"extend.leaky_rerope.leak={leak}: must be at least 1")
        self.window, self.leak = window, leak

    def far(self, query: Tensor, key: Tensor, window: int) -> Region:
        """Distances divided by the leak from the window on."""
        shift = window * (1 - 1 / self.leak)
        return Region(query.double() / self.leak + shift, key.double() / self.leak, None)

    def changes_nothing(self, sizes: Sizes) -> bool:
        """With a leak of 1, or a window as wide as the text."""
        return self.leak == 1 or super().changes_nothing(sizes)
