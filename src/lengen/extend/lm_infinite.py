"""LM-Infinite (Han et al. 2024): the first tokens and a window are seen, distances stop growing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from lengen.block.inputs import BlockInputs
from lengen.config.errors import require
from lengen.extend import Parts, Sizes
from lengen.extend.geometry import Geometry, Region, near
from lengen.extend.rules import Hiding


class LMInfinite(Geometry):
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
        window = self._window(sizes)

        def hidden(inputs: BlockInputs) -> Tensor:
            keys = torch.arange(inputs.key.shape[1], device=inputs.key.device)
            return ((inputs.back >= window) & (keys >= self.first))[None, None]

        changed = super().changed(parts, sizes)
        return replace(changed, rules=tuple(Hiding(rule, hidden) for rule in changed.rules))

    def regions(self, query: Tensor, key: Tensor, sizes: Sizes) -> Sequence[Region]:
        """Near keys, then far ones at the distance of the window."""
        window = self._window(sizes)
        return near(query, key, window), Region(torch.full_like(query, window), torch.zeros_like(key), None)

    def changes_nothing(self, sizes: Sizes) -> bool:
        """With a window as wide as the text."""
        return self._window(sizes) >= sizes.tokens

    def _window(self, sizes: Sizes) -> int:
        return self.window or max(sizes.trained // 2, 1)
