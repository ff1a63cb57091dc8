"""ReRoPE (Su 2023): distances stop growing beyond a window."""

from __future__ import annotations

from lengen.config.errors import require
from lengen.extend.geometry import Windowed


class ReRoPE(Windowed):
    """Keys less than `window` back at their own distance; farther ones at `window`.

    Args:
        window: tokens, at least 1; None takes half of the trained tokens (the source an eighth).
    """

    def __init__(self, window: int | None = None) -> None:
        require(window is None or window >= 1, f"extend.rerope.window={window}: must be null, or at least 1")
        self.window = window
