"""Take out of the state of a mixer what is older than some tokens (Chen et al. 2024, Stuffed Mamba)."""

from __future__ import annotations

from lengen.config.errors import require
from lengen.extend import Extension, Fit, Parts, Sizes, require_sums
from lengen.mixer.sums import Windowed


class StateWindow(Extension):
    """S_t less what is left of S_{t-w}: the sum over the last w tokens, as if every layer had started w tokens ago (Chen et al. 2024, Stuffed Mamba).

    A second state follows the first, w tokens behind, for which as many keys, values and decays are kept. Short convolutions stay as they are.

    Args:
        tokens: w, at least 1; None is as many as the longest trained example has.
    """

    slot = "state"
    attends = False

    def __init__(self, tokens: int | None = None) -> None:
        require(
            tokens is None or tokens >= 1, f"extend.state_window.tokens={tokens}: must be null, or at least 1"
        )
        self.tokens = tokens

    def fit(self, parts: Parts) -> Fit:
        """A state that decays."""
        require_sums(parts)
        return "exact"

    def changed(self, parts: Parts, sizes: Sizes) -> Parts:
        """Follow every state with another."""
        return parts.with_sums(lambda sums: Windowed(sums, self.tokens or sizes.trained))

    def changes_nothing(self, sizes: Sizes) -> bool:
        """Up to as many tokens."""
        return sizes.tokens <= (self.tokens or sizes.trained)
