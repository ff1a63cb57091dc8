"""A larger threshold for FIRE (Li et al. 2024), so that its ratios are those of training."""

from __future__ import annotations

from dataclasses import replace

from lengen.config.errors import require
from lengen.extend import Fit, Parts, Sizes, require_pe
from lengen.extend.adopted import Adopted
from lengen.extend.stretched import Stretched
from lengen.pe.fire import FIRE


class FireThreshold(Stretched):
    """Multiply the threshold, below which rows divide by the same number, by a factor. No source is known; the rule is ours.

    Args:
        factor: at least 1; None takes the evaluated number of tokens divided by the trained one.
    """

    slot = "encoding"

    def __init__(self, factor: float | None = None) -> None:
        require(
            factor is None or factor >= 1,
            f"extend.fire_threshold.factor={factor}: must be null, or at least 1",
        )
        self.factor = factor

    def fit(self, parts: Parts) -> Fit:
        """Exact for `pe=fire`."""
        require_pe(parts, [FIRE], "pe=fire")
        return "exact"

    def changed(self, parts: Parts, sizes: Sizes) -> Parts:
        """Raise the threshold."""
        assert isinstance(parts.pe, FIRE)
        return replace(parts, pe=RaisedFIRE(parts.pe, self.stretch(sizes)))


class RaisedFIRE(Adopted, FIRE):
    """Trained biases with a larger threshold.

    Args:
        trained: the trained encoding.
        factor: factor on the threshold.
    """

    def __init__(self, trained: FIRE, factor: float) -> None:
        super().__init__(trained)
        self.threshold = trained.threshold * factor
