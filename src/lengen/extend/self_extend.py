"""Self-Extend (Jin et al. 2024): far keys share positions in groups."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

from lengen.config.errors import require
from lengen.extend import Sizes
from lengen.extend.geometry import Geometry, Region, near


class SelfExtend(Geometry):
    """Keys less than `window` back at their own distance; farther ones at floor(i/G) + W - floor(W/G) - floor(j/G).

    Args:
        window: W in tokens, at least 1; None takes a third of the trained tokens, rounded down to a multiple of G.
        group: G, at least 1; None takes the least at which no distance exceeds two thirds of the trained tokens.
    """

    def __init__(self, window: int | None = None, group: int | None = None) -> None:
        require(
            window is None or window >= 1, f"extend.self_extend.window={window}: must be null, or at least 1"
        )
        require(group is None or group >= 1, f"extend.self_extend.group={group}: must be null, or at least 1")
        self.window, self.group = window, group

    def regions(self, query: Tensor, key: Tensor, sizes: Sizes) -> Sequence[Region]:
        """Near keys, then groups."""
        window, group = self.chosen(sizes)
        shift = window - window // group
        return near(query, key, window), Region(query // group + shift, key // group, None)

    def chosen(self, sizes: Sizes) -> tuple[int, int]:
        """Return window and group at these lengths."""
        window = self.window or max(sizes.trained // 3, 1)
        room = max(2 * sizes.trained // 3 - window, 1)
        group = self.group or max(math.ceil((sizes.tokens - window) / room), 1)
        return (window if self.window else max(window // group * group, 1)), group

    def changes_nothing(self, sizes: Sizes) -> bool:
        """With groups of one, or a window as wide as the text."""
        window, group = self.chosen(sizes)
        return group == 1 or window >= sizes.tokens
