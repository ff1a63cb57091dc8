"""Let the state of a mixer decay faster, and write less into it (Chen et al. 2024, Stuffed Mamba)."""

from __future__ import annotations

from lengen.config.errors import require
from lengen.extend import Extension, Fit, Parts, Sizes, require_sums
from lengen.mixer.sums import Forgetting


class ForgetMore(Extension):
    """S' = a^decay S + write k v^T in all layers with such a state: what was read long ago makes room (Chen et al. 2024, Stuffed Mamba).

    Args:
        decay: power of the decays, at least 1; 1 leaves them.
        write: factor of what is written, above 0 and at most 1; 1 leaves it.
    """

    slot = "gates"
    attends = False

    def __init__(self, decay: float = 1.5, write: float = 1.0) -> None:
        require(decay >= 1, f"extend.forget_more.decay={decay}: must be at least 1")
        require(0 < write <= 1, f"extend.forget_more.write={write}: must be above 0 and at most 1")
        self.decay, self.write = decay, write

    def fit(self, parts: Parts) -> Fit:
        """A state that decays; how the source changes its gates is known from its repository alone."""
        require_sums(parts)
        return "approximate"

    def changed(self, parts: Parts, sizes: Sizes) -> Parts:
        """Change decays and writes."""
        return parts.with_sums(lambda sums: Forgetting(sums, self.decay, self.write))

    def changes_nothing(self, sizes: Sizes) -> bool:
        """With both at 1."""
        return self.decay == self.write == 1
