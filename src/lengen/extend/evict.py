"""A cache of limited size, from which the least valuable keys are dropped (H2O; Zhang et al. 2023, and its relatives)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from lengen.attention import AttentionRule
from lengen.block.inputs import BlockInputs, Keys, Logits, MaskedBias, Queries
from lengen.config.errors import require
from lengen.extend import Extension, Fit, Parts, Sizes
from lengen.extend.rules import Stepwise, require_all_weighed

Policy = Literal["received", "mean", "value", "norm"]


class Evict(Extension):
    """After every token, a cache of more than `budget` keys loses the one of the lowest score, in every head of its own.

    The first and the last tokens stay. A row sees the cache and its own key. Scores are `received`, the sum of the weights that later
    rows gave a key (H2O); `mean`, the same over the number of rows; `value`, the sum times the 1-norm of its value (VATP; Guo et
    al. 2024); `norm`, minus the norm of the key (Devoto et al. 2024). Prompt and answer are treated alike, row by row, so that a full pass
    equals decoding with a cache; rows of a batch do not share what they drop, which they do in the code of H2O. Of equal scores
    the earliest key goes. Positions stay as they are.

    Args:
        budget: keys that the cache holds, at least `first` + `recent`; None takes the trained tokens.
        first: first tokens that are never dropped.
        recent: last tokens that are never dropped, the row's own included; at least 1.
        score: which key goes.
    """

    slot = "visibility"

    def __init__(
        self, budget: int | None = None, first: int = 1, recent: int = 4, score: Policy = "received"
    ) -> None:
        require(first >= 0, f"extend.evict.first={first}: must be at least 0")
        require(recent >= 1, f"extend.evict.recent={recent}: must be at least 1")
        require(
            budget is None or budget >= first + recent,
            f"extend.evict.budget={budget}: must be null, or at least extend.evict.first + extend.evict.recent, {first + recent}",
        )
        self.budget, self.first, self.recent, self.score = budget, first, recent, score

    def fit(self, parts: Parts) -> Fit:
        """Exact for rules that give weight to all keys; others drop some themselves."""
        require_all_weighed(parts)
        return "exact"

    def changed(self, parts: Parts, sizes: Sizes) -> Parts:
        """Replay the cache in every layer."""
        budget = self._budget(sizes)
        return parts.with_rules(lambda rule: Evicting(rule, budget, self.first, self.recent, self.score))

    def changes_nothing(self, sizes: Sizes) -> bool:
        """Up to as many tokens as the cache holds, and one."""
        return self._budget(sizes) + 1 >= sizes.tokens

    def _budget(self, sizes: Sizes) -> int:
        return self.budget or max(sizes.trained, self.first + self.recent)


class Evicting(AttentionRule):
    """A trained rule with a cache of limited size; see `Evict`."""

    fused = False

    def __init__(self, trained: AttentionRule, budget: int, first: int, recent: int, score: Policy) -> None:
        super().__init__(trained.shape)
        self.trained, self.budget, self.first, self.recent, self.score = trained, budget, first, recent, score

    def forward(
        self, query: Queries, key: Keys, value: Keys, bias: MaskedBias | None, inputs: BlockInputs
    ) -> Queries:
        """See `AttentionRule`."""
        worth = None
        if self.score == "norm":
            worth = -torch.linalg.vector_norm(key, dim=-1)
        elif self.score == "value":
            worth = value.abs().sum(-1)
        mixed: Queries = Replay(self.trained, self, worth)(query, key, value, bias, inputs)
        return mixed


class Replay(Stepwise):
    """One pass of a trained rule over a cache of limited size, row by row.

    Args:
        trained: the rule.
        limits: what the cache holds.
        worth: of every key, for scores that need its content.
    """

    def __init__(
        self, trained: AttentionRule, limits: Evicting, worth: Float[Tensor, "batch heads key"] | None
    ) -> None:
        super().__init__(trained)
        self.limits, self.worth = limits, worth

    def adjust(self, logits: Logits, inputs: BlockInputs) -> Logits:
        """Minus infinity for the keys that were dropped before a row."""
        logits = super().adjust(logits, inputs)
        rows, keys = logits.shape[-2:]
        held, received = self._state(logits, inputs)
        place, seen = torch.arange(keys, device=logits.device), []
        for row in range(rows):
            own = keys - rows + row
            held[..., own] = True
            visible = logits[..., row : row + 1, :].masked_fill(~held.unsqueeze(-2), -torch.inf)
            seen.append(visible)
            received = received + self.normalise(visible, inputs).squeeze(-2).masked_fill(~held, 0)
            kept = (place < self.limits.first) | (place > own - self.limits.recent)
            scores = self._scores(received, own - place + 1).masked_fill(kept | ~held, torch.inf)
            lowest = scores.argmin(-1, keepdim=True)
            full = held.sum(-1, keepdim=True) > self.limits.budget
            held = held & ~(torch.zeros_like(held).scatter(-1, lowest, value=True) & full)
        inputs.cache.put("held", held)
        inputs.cache.put("received", received)
        return torch.cat(seen, -2)

    def _state(
        self, logits: Logits, inputs: BlockInputs
    ) -> tuple[Bool[Tensor, "batch heads key"], Float[Tensor, "batch heads key"]]:
        """Return which keys are held and what they received, with places for the new keys."""
        held, received = inputs.cache.get("held"), inputs.cache.get("received")
        batch, heads, _, keys = logits.shape
        all_held = torch.zeros(batch, heads, keys, dtype=torch.bool, device=logits.device)
        all_received = torch.zeros(batch, heads, keys, dtype=logits.dtype, device=logits.device)
        if held is not None and received is not None:
            all_held[..., : held.shape[-1]], all_received[..., : held.shape[-1]] = held, received
        return all_held, all_received

    def _scores(self, received: Tensor, rows: Tensor) -> Tensor:
        """Return the score of every key, after some rows."""
        scores: dict[Policy, Callable[[], Tensor]] = {
            "received": lambda: received,
            "mean": lambda: received / rows.clamp(min=1),
            "value": lambda: received * self._worth(),
            "norm": self._worth,
        }
        return scores[self.limits.score]()

    def _worth(self) -> Tensor:
        assert self.worth is not None
        return self.worth.to(torch.float64)
