"""What extensions that replace a softmax have in common."""

from __future__ import annotations

from lengen.attention import AttentionRule
from lengen.extend import DoesNotApplyError, Parts
from lengen.extend.rules import by_steps


def require_softmax(parts: Parts) -> None:
    """Refuse rules whose weights are no softmax of logits.

    Raises:
        UsageError: a rule has another normaliser.
    """
    for rule in parts.rules:
        if not by_steps(rule) or type(rule).normalise is not AttentionRule.normalise:
            raise DoesNotApplyError("attention", rule, "a softmax")
