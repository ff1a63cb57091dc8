"""ReRoPE and Leaky ReRoPE (Su 2023): distances stop growing, or grow more slowly, beyond a window."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from lengen.config.errors import require
from lengen.extend import Sizes
from lengen.extend.geometry import Geometry, Region, near


class ReRoPE(Geometry):
    """Keys less than `window` back at their own distance; farther ones at w + (distance - w) / leak, or at w without a leak.

    Args:
        window: w in tokens, at least 1; None takes half of the trained tokens (the source an eighth).
        leak: k of Leaky ReRoPE, at least 1 (16 in the source); None for ReRoPE, whose distances never exceed w.
    """

    def __init__(self, window: int | None = None, leak: float | None = None) -> None:
        require(window is None or window >= 1, f"extend.rerope.window={window}: must be null, or at least 1")
        require(leak is None or leak >= 1, f"extend.rerope.leak={leak}: must be null, or at least 1")
        self.window, self.leak = window, leak

    def regions(self, query: Tensor, key: Tensor, sizes: Sizes) -> Sequence[Region]:
        """Near keys, then far ones."""
        window = self._window(sizes)
        if self.leak is None:
            far = Region(torch.full_like(query, window), torch.zeros_like(key), None)
        else:
            shift = window * (1 - 1 / self.leak)
            far = Region(query.double() / self.leak + shift, key.double() / self.leak, None)
        return near(query, key, window), far

    def changes_nothing(self, sizes: Sizes) -> bool:
        """With a leak of 1, or a window as wide as the text."""
        return self.leak == 1 or self._window(sizes) >= sizes.tokens

    def _window(self, sizes: Sizes) -> int:
        return self.window or max(sizes.trained // 2, 1)
