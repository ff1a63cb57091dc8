"""Leaky ReRoPE (Su 2023), with the leak of the source."""

from __future__ import annotations

from lengen.extend.rerope import ReRoPE


class LeakyReRoPE(ReRoPE):
    """Keys less than `window` back at their own distance; farther ones at w + (distance - w) / leak.

    Args:
        window: w in tokens, at least 1; None takes half of the trained tokens.
        leak: k, at least 1.
    """

    def __init__(self, window: int | None = None, leak: float = 16.0) -> None:
        super().__init__(window, leak)
