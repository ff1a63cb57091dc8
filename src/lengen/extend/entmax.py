"""Entmax in place of softmax at evaluation (Peters et al. 2019): weights of exactly 0."""

from __future__ import annotations

from lengen.attention import AttentionRule
from lengen.attention.entmax import Entmax
from lengen.block.inputs import BlockInputs, Logits
from lengen.config.errors import require
from lengen.extend import Extension, Fit, Parts, Sizes
from lengen.extend.normaliser import require_softmax
from lengen.extend.rules import Stepwise
from lengen.statistics.formats import counted


class EntmaxAtTest(Extension):
    """Weights entmax_alpha(z) of a decoder that was trained with softmax; a control that is expected to fail.

    Decoders average over many keys with small weights in some heads, which entmax sets to 0.

    Args:
        alpha: in (1, 2]; 2 is sparsemax.
        layers: layers that are changed, from 1; None for all.
    """

    slot = "normaliser"

    def __init__(self, alpha: float = 1.5, layers: list[int] | None = None) -> None:
        require(1 < alpha <= 2, f"extend.entmax.alpha={alpha}: must be in (1, 2]")  # noqa: PLR2004
        require(
            layers is None or (bool(layers) and min(layers) >= 1),
            f"extend.entmax.layers={layers}: must be null, or a list of numbers from 1",
        )
        self.alpha, self.layers = alpha, layers

    def fit(self, parts: Parts) -> Fit:
        """Ours, for rules with a softmax."""
        require_softmax(parts)
        require(
            self.layers is None or max(self.layers) <= len(parts.rules),
            f"extend.entmax.layers={self.layers}: the decoder has {counted(len(parts.rules), 'layer')}",
        )
        return "approximate"

    def changed(self, parts: Parts, sizes: Sizes) -> Parts:
        """Replace the softmax of the chosen layers."""
        return parts.with_rules(lambda rule: WithEntmax(rule, self.alpha), self.layers)


class WithEntmax(Stepwise):
    """A trained rule with entmax in place of softmax."""

    sparse = True

    def __init__(self, trained: AttentionRule, alpha: float) -> None:
        super().__init__(trained)
        self.entmax = Entmax(trained.shape, alpha=alpha)

    def normalise(self, logits: Logits, inputs: BlockInputs) -> Logits:
        """Entmax over the keys."""
        return self.entmax.normalise(logits, inputs)
