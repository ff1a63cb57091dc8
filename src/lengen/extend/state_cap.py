"""Keep the norm of the state of a mixer below a limit (Chen et al. 2024, Stuffed Mamba)."""

from __future__ import annotations

from lengen.config.errors import require
from lengen.extend import Extension, Fit, Parts, Sizes, require_sums
from lengen.mixer.sums import Capped


class StateCap(Extension):
    """S' = (a S + k v^T) min(1, c / |.|) for every head, in `mamba` for every channel (Chen et al. 2024, Stuffed Mamba; its code multiplies by |.| / c).

    It reads one token after the other. A norm of every head after the state, as in `gla`, hides the scale itself: what changes is the weight of later
    tokens beside earlier ones.

    Args:
        norm: c, above 0; None is the largest norm of the same head within as many tokens as the longest trained example has, in the same example, so that
            nothing changes up to there. It reads no later token.
    """

    slot = "state"
    attends = False

    def __init__(self, norm: float | None = None) -> None:
        require(norm is None or norm > 0, f"extend.state_cap.norm={norm}: must be null, or above 0")
        self.norm = norm

    def fit(self, parts: Parts) -> Fit:
        """A state that decays; the limit of the source is a number, which it does not say how to choose."""
        require_sums(parts)
        return "approximate" if self.norm is None else "exact"

    def changed(self, parts: Parts, sizes: Sizes) -> Parts:
        """Scale states."""
        return parts.with_sums(lambda _: Capped(self.norm, sizes.trained))

    def changes_nothing(self, sizes: Sizes) -> bool:
        """Up to the trained length, without a number."""
        return self.norm is None and sizes.tokens <= sizes.trained
