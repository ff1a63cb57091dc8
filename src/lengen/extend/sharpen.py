"""Multiply logits by a factor, in all layers and heads or in some (UniformScale; Wang et al. 2024)."""

from __future__ import annotations

from typing import Literal

import torch

from lengen.attention import AttentionRule
from lengen.config.errors import require
from lengen.extend import DoesNotApplyError, Extension, Fit, Parts, Sizes
from lengen.extend.rules import Scaled
from lengen.statistics.formats import counted


class Sharpen(Extension):
    """softmax(factor * scale * q k + bias) v, with the same factor for all rows.

    With more keys a softmax flattens; a factor above 1 sharpens it again. Wang et al. (2024) find 1.2, 1.5 and 1.8 at 2, 4 and
    8 times the trained length of a decoder without positions. Small decoders lose exact match at trained lengths from 1.5 on.
    With `over=all` the bias is multiplied too: softmax(factor * z), a temperature of 1/factor.

    Args:
        factor: above 0; 1 changes nothing.
        layers: layers that are changed, from 1; None for all.
        heads: heads that are changed in these layers, from 1; None for all.
        over: `content` multiplies products of queries and keys alone; `all` the bias too.
    """

    slot = "scale"

    def __init__(
        self,
        factor: float = 1.2,
        layers: list[int] | None = None,
        heads: list[int] | None = None,
        over: Literal["content", "all"] = "content",
    ) -> None:
        require(factor > 0, f"extend.sharpen.factor={factor}: must be above 0")
        for name, chosen in (("layers", layers), ("heads", heads)):
            require(
                chosen is None or (bool(chosen) and min(chosen) >= 1),
                f"extend.sharpen.{name}={chosen}: must be null, or a list of numbers from 1",
            )
        self.factor, self.layers, self.heads, self.over = factor, layers, heads, over

    def fit(self, parts: Parts) -> Fit:
        """Exact without a bias; with one the source does not say whether it is multiplied."""
        shape = parts.rules[0].shape
        for name, chosen, most in (
            ("layers", self.layers, len(parts.rules)),
            ("heads", self.heads, shape.heads),
        ):
            require(
                chosen is None or max(chosen) <= most,
                f"extend.sharpen.{name}={chosen}: the decoder has {counted(most, name[:-1])}",
            )
        if any(rule.directions for rule in parts.rules):
            raise DoesNotApplyError("attention", parts.rules[0], "logits that depend on the norms of queries")
        return "exact" if not parts.pe.reads else "approximate"

    def changed(self, parts: Parts, sizes: Sizes) -> Parts:
        """Put the factor around the rules of the chosen layers."""
        return parts.with_rules(self._sharper, self.layers)

    def _sharper(self, rule: AttentionRule) -> AttentionRule:
        factor = torch.ones(rule.shape.heads, 1, 1)
        factor[slice(None) if self.heads is None else [head - 1 for head in self.heads]] = self.factor
        return Scaled(rule, lambda inputs: factor.to(inputs.x.device), bias=self.over == "all")

    def changes_nothing(self, sizes: Sizes) -> bool:
        """With a factor of 1."""
        return self.factor == 1
