"""Logits that grow with the logarithm of the number of keys, beyond the trained number (Chiang and Cholak 2022; Su 2023)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from lengen.block.inputs import BlockInputs
from lengen.config.errors import require
from lengen.extend import DoesNotApplyError, Extension, Fit, Parts, Sizes
from lengen.extend.rules import Scaled
from lengen.pe.rope import RoPE
from lengen.statistics.formats import counted


class LogN(Extension):
    """softmax(max(1, ln n / ln L) * scale * q k + bias) v, where n is the number of keys that the row sees.

    Up to L keys nothing changes. At the lengths of small decoders the factor is small (1.08 from 43 to 59 keys), which makes this
    the control of a factor that needs no search.

    Args:
        trained_tokens: L; None takes the tokens of the longest trained example. A smaller one acts earlier.
        skip: layers that are left unchanged, from the first on (2 in Entropy-ABF).
    """

    slot = "scale"

    def __init__(self, trained_tokens: int | None = None, skip: int = 0) -> None:
        require(
            trained_tokens is None or trained_tokens >= 2,  # noqa: PLR2004
            f"extend.log_n.trained_tokens={trained_tokens}: must be null, or at least 2",
        )
        require(skip >= 0, f"extend.log_n.skip={skip}: must be at least 0")
        self.trained_tokens, self.skip = trained_tokens, skip

    def fit(self, parts: Parts) -> Fit:
        """Exact with rotary positions, for which it was made."""
        require(
            self.skip < len(parts.rules),
            f"extend.log_n.skip={self.skip}: the decoder has {counted(len(parts.rules), 'layer')}",
        )
        if any(rule.directions for rule in parts.rules):
            raise DoesNotApplyError("attention", parts.rules[0], "logits that depend on the norms of queries")
        return "exact" if type(parts.pe) is RoPE else "approximate"

    def changed(self, parts: Parts, sizes: Sizes) -> Parts:
        """Put the factor of each row around the rules."""
        trained = math.log(self._trained(sizes))

        def factor(inputs: BlockInputs) -> Tensor:
            return torch.clamp(inputs.visible.float().log() / trained, min=1).unsqueeze(-1)

        return parts.with_rules(lambda rule: Scaled(rule, factor), range(self.skip + 1, len(parts.rules) + 1))

    def changes_nothing(self, sizes: Sizes) -> bool:
        """Up to the trained number of tokens."""
        return sizes.tokens <= self._trained(sizes)

    def _trained(self, sizes: Sizes) -> int:
        return self.trained_tokens or max(sizes.trained, 2)
