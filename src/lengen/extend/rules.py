"""Attention rules that stand around a trained rule and change one of its steps. Parameters are those of the trained rule."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from lengen.attention import AttentionRule
from lengen.block.inputs import BlockInputs, Keys, Logits, MaskedBias, Queries, wide
from lengen.extend import DoesNotApplyError, Parts

Factor = Callable[[BlockInputs], float | Tensor]
"""A factor on the logits: a number, or a tensor that broadcasts with [batch, heads, query, 1]."""


class Scaled(AttentionRule):
    """A trained rule whose logits are multiplied by a factor.

    Args:
        trained: the rule.
        factor: gives the factor on queries times keys.
        bias: whether the bias of the encoding is multiplied too.
    """

    def __init__(self, trained: AttentionRule, factor: Factor, *, bias: bool = False) -> None:
        super().__init__(trained.shape)
        self.trained, self.factor, self.multiplies_bias = trained, factor, bias

    @property
    def linear(self) -> bool:
        """As trained."""
        return self.trained.linear

    def forward(
        self, query: Queries, key: Keys, value: Keys, bias: MaskedBias | None, inputs: BlockInputs
    ) -> Queries:
        """See `AttentionRule`."""
        factor = self.factor(inputs)
        if self.multiplies_bias and bias is not None:
            bias = bias * factor
        mixed: Queries = self.trained((wide(query) * factor).to(query.dtype), key, value, bias, inputs)
        return mixed


Hidden = Callable[[BlockInputs], Bool[Tensor, "#batch #heads query key"]]
"""Gives which keys are hidden, True or False for each query and key."""


def between(first: int, window: int) -> Hidden:
    """Return what hides all keys but the first ones and those less than a window back.

    Args:
        first: number of first tokens that every row sees.
        window: tokens, the row itself included.
    """

    def hidden(inputs: BlockInputs) -> Tensor:
        keys = torch.arange(inputs.key.shape[1], device=inputs.key.device)
        return ((inputs.back >= window) & (keys >= first))[None, None]

    return hidden


class Hiding(AttentionRule):
    """A trained rule that sees fewer keys.

    Args:
        trained: the rule.
        hidden: see `Hidden`.
    """

    def __init__(self, trained: AttentionRule, hidden: Hidden) -> None:
        super().__init__(trained.shape)
        self.trained, self.hidden = trained, hidden

    @property
    def linear(self) -> bool:
        """Hidden keys make a mask."""
        return False

    def forward(
        self, query: Queries, key: Keys, value: Keys, bias: MaskedBias | None, inputs: BlockInputs
    ) -> Queries:
        """See `AttentionRule`."""
        hidden = self.hidden(inputs)
        if bias is None:
            hidden = hidden | inputs.later
            bias = torch.zeros(hidden.shape, device=hidden.device)
        mixed: Queries = self.trained(query, key, value, bias.masked_fill(hidden, -torch.inf), inputs)
        return mixed


class Stepwise(AttentionRule):
    """A trained rule computed step by step, as base class of rules that change one of the steps.

    Args:
        trained: the rule; it must override no more than steps, see `by_steps`.
    """

    fused = False

    def __init__(self, trained: AttentionRule) -> None:
        super().__init__(trained.shape)
        self.trained, self.scale = trained, trained.scale

    def sharpen(self, inputs: BlockInputs) -> Float[Tensor, "..."] | None:
        """As trained."""
        return self.trained.sharpen(inputs)

    def hide(self, inputs: BlockInputs) -> Bool[Tensor, "#batch #heads query key"] | None:
        """As trained."""
        return self.trained.hide(inputs)

    def compare(self, query: Queries, key: Keys, inputs: BlockInputs) -> Logits:
        """As trained."""
        return self.trained.compare(query, key, inputs)

    def adjust(self, logits: Logits, inputs: BlockInputs) -> Logits:
        """As trained."""
        return self.trained.adjust(logits, inputs)

    def normalise(self, logits: Logits, inputs: BlockInputs) -> Logits:
        """As trained."""
        return self.trained.normalise(logits, inputs)

    def reweigh(self, weights: Logits, inputs: BlockInputs) -> Logits:
        """As trained."""
        return self.trained.reweigh(weights, inputs)


def require_all_weighed(parts: Parts) -> None:
    """Refuse rules that give some keys no weight, or that are not computed step by step.

    Raises:
        UsageError: one does, or is not.
    """
    for rule in parts.rules:
        if not by_steps(rule) or rule.sparse:
            raise DoesNotApplyError("attention", rule, "a rule that gives weight to all keys")


def by_steps(rule: AttentionRule) -> bool:
    """Whether a rule overrides no more than the steps between queries and weights, so that one of them can be replaced."""
    if isinstance(rule, Scaled | Hiding):
        return False
    return type(rule).forward is AttentionRule.forward
