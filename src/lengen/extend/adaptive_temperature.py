"""A temperature for each row that depends on its entropy (Velickovic et al. 2024, "softmax is not enough")."""

from __future__ import annotations

import torch

from lengen.block.inputs import BlockInputs, Logits
from lengen.extend import Extension, Fit, Parts, Sizes
from lengen.extend.normaliser import require_softmax
from lengen.extend.rules import Stepwise

POLYNOMIAL = (-0.037, 0.481, -2.3, 4.917, -1.791)
"""Coefficients of the source, from the fourth power of the entropy in nats down to 1."""
LEAST = 0.5
"""Entropy in nats up to which nothing changes."""


class AdaptiveTemperature(Extension):
    """softmax(beta z), where beta is 1 up to an entropy of 0.5 nats, and a polynomial of the entropy (at least 1) above.

    The polynomial was fitted by the source to one decoder that finds a maximum. Expect it to cost exact match at trained lengths.
    """

    slot = "normaliser"

    def fit(self, parts: Parts) -> Fit:
        """Ours for all decoders but that of the source."""
        require_softmax(parts)
        return "approximate"

    def changed(self, parts: Parts, sizes: Sizes) -> Parts:
        """Put the temperature before the softmax of every layer."""
        return parts.with_rules(AdaptiveSoftmax)


class AdaptiveSoftmax(Stepwise):
    """A trained rule with a temperature for each row."""

    def normalise(self, logits: Logits, inputs: BlockInputs) -> Logits:
        """Softmax of the logits times beta."""
        entropy = torch.special.entr(logits.softmax(-1)).sum(-1, keepdim=True)
        beta = torch.zeros_like(entropy)
        for coefficient in POLYNOMIAL:
            beta = beta * entropy + coefficient
        beta = torch.where(entropy > LEAST, beta.clamp(min=1), 1.0)
        return (logits * beta).softmax(-1)
