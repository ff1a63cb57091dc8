"""A factor on the logits of every head (HeadScale; Wang et al. 2024)."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lengen.attention import AttentionRule
from lengen.block.inputs import BlockInputs
from lengen.config.errors import require
from lengen.decoder import Decoder
from lengen.extend import DoesNotApplyError
from lengen.extend.rules import Stepwise, by_steps
from lengen.extend.view import parts_of, view
from lengen.positions import Positions
from lengen.positions.contiguous import Contiguous
from lengen.tuning import Base, Tuning


class HeadScale(Tuning):
    """softmax(factor * scale * q k + bias) v with a trained factor for every layer and head; nothing else moves.

    The source trains it on strings of the length that is to be reached, and bounds factors from below.

    Args:
        start: the initial factor, at least `least`; 1 is the base (1.6 in the source).
        least: lower bound of the factors, at least 0 (1 in the source).
    """

    trains = r"\.rule\.factors$"
    steps = 200
    rate: ClassVar[float | None] = 0.05

    def __init__(self, start: float = 1.0, least: float = 1.0) -> None:
        require(least >= 0, f"tune.least={least}: must be at least 0")
        require(
            start >= least and start > 0,
            f"tune.start={start}: must be above 0 and at least tune.least={least}",
        )
        self.start, self.least = start, least

    def check(self, decoder: Decoder, positions: Positions) -> None:
        """Logits must scale with the norm of queries."""
        for rule in parts_of(decoder, positions).rules:
            if rule.directions or not by_steps(rule):
                raise DoesNotApplyError(
                    "attention", rule, "logits of queries and keys that depend on their norms"
                )

    def changed(self, decoder: Decoder, base: Base) -> Decoder:
        """Put a rule with factors around every rule."""
        parts = parts_of(decoder, Contiguous())
        return view(decoder, parts.with_rules(lambda rule: FactorRule(rule, self.start, self.least)))

    def found(self, decoder: Decoder) -> dict[str, Any]:
        """The factors of every layer and head, as they are used."""
        return {
            "factors": [
                rule.bounded.flatten().tolist() for rule in decoder.rules if isinstance(rule, FactorRule)
            ]
        }


class UniformScale(HeadScale):
    """The same with one factor for all layers and heads (UniformScale of the same source, which searches it).

    Args:
        start: the initial factor, at least `least`; 1 is the base.
        least: lower bound of the factor, at least 0.
    """

    def changed(self, decoder: Decoder, base: Base) -> Decoder:
        """Put a rule with the one factor around every rule."""
        factor = nn.Parameter(torch.full((1, 1, 1), self.start))

        def around(rule: AttentionRule) -> AttentionRule:
            made = FactorRule(rule, self.start, self.least)
            made.factors = factor
            return made

        return view(decoder, parts_of(decoder, Contiguous()).with_rules(around))


class FactorRule(Stepwise):
    """A trained rule whose logits are multiplied by a trained factor for every head.

    Args:
        trained: the rule.
        start: the initial factor.
        least: lower bound of the factors.
    """

    def __init__(self, trained: AttentionRule, start: float, least: float) -> None:
        super().__init__(trained)
        self.least = least
        self.factors = nn.Parameter(torch.full((trained.shape.heads, 1, 1), start))

    def sharpen(self, inputs: BlockInputs) -> Float[Tensor, "..."]:
        """The factors, not below their bound (the gradient goes to the parameters all the same), times that of the rule."""
        factor = self.trained.sharpen(inputs)
        return self.bounded if factor is None else self.bounded * factor

    @property
    def bounded(self) -> Tensor:
        """The factors that are used: the parameters, or their bound where they are below it."""
        return self.factors + (self.factors.clamp(min=self.least) - self.factors).detach()
