"""Re-weighting of a decoder trained with LSSA (Gao and Spratling 2025): LSSAR without training."""

from __future__ import annotations

from lengen.attention.lssa import LSSA
from lengen.attention.lssar import LSSAR
from lengen.config.errors import require
from lengen.extend import DoesNotApplyError, Extension, Fit, Parts, Sizes


class LSSARAtTest(Extension):
    """Weights relu(n a - cut)^power, divided by their sum, of a decoder trained with `attention=lssa`.

    Args:
        power: at least 1; the source takes 15 beyond the trained length.
        cut: in [0, 1]; with 0 and a power of 1 nothing changes.
        uncut: first rows without a cut.
    """

    slot = "normaliser"

    def __init__(self, power: float = 15.0, cut: float = 1.0, uncut: int = 3) -> None:
        require(power >= 1, f"extend.lssar.power={power}: must be at least 1")
        require(0 <= cut <= 1, f"extend.lssar.cut={cut}: must be in [0, 1]")
        require(uncut >= 0, f"extend.lssar.uncut={uncut}: must be at least 0")
        self.power, self.cut, self.uncut = power, cut, uncut

    def fit(self, parts: Parts) -> Fit:
        """Exact for `attention=lssa`, whose weights are shares of a softplus."""
        for rule in parts.rules:
            if type(rule) is not LSSA:
                raise DoesNotApplyError("attention", rule, "attention=lssa")
        return "exact"

    def changed(self, parts: Parts, sizes: Sizes) -> Parts:
        """Replace the rule of every layer; it has no parameters."""
        return parts.with_rules(lambda rule: LSSAR(rule.shape, self.power, self.cut, self.uncut))

    def changes_nothing(self, sizes: Sizes) -> bool:
        """With a power of 1 and no cut."""
        return self.power == 1 and self.cut == 0
