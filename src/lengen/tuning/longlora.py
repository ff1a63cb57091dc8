"""Low-rank changes, learned with attention in shifted groups and interpolated positions (LongLoRA; Chen et al. 2024)."""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from lengen.attention import AttentionRule
from lengen.block.inputs import BlockInputs, Keys, MaskedBias, Queries
from lengen.config.errors import require
from lengen.decoder import Block, Decoder
from lengen.extend import require_pe
from lengen.extend.interpolate import Interpolate
from lengen.extend.rules import Hiding
from lengen.extend.view import parts_of, view
from lengen.pe.rope import RoPE
from lengen.positions import Positions
from lengen.positions.contiguous import Contiguous
from lengen.tuning import Base, Tuning


class LongLoRA(Tuning):
    """Low-rank matrices beside those of queries, keys, values and outputs, the embeddings and the norms move; all else stays.

    Positions are divided by `factor`, in training and evaluation. In training half of the heads attend inside groups of tokens, the others
    inside groups that are shifted by half of one, with half a group at the start and at the end; in evaluation all attend to all tokens. Before the first step it
    is `extend=interpolate` with this factor.

    Args:
        rank: of the matrices, at least 1 (8 in the source).
        alpha: their product is multiplied by alpha / rank (16 in the source).
        factor: divides positions, at least 1: the longest length of the examples by the trained one.
        group: tokens of a group, at least 1; None takes half of those of the run's longest trained example, a quarter of an example twice as
            long, as in the source.
    """

    trains = r"^embedding\.weight$|norm\.weight$|\.attention\.(query|key|value|out)\.(first|second)$"
    steps = 200
    rate = 1e-3

    def __init__(
        self, rank: int = 8, alpha: float = 16.0, factor: float = 2.0, group: int | None = None
    ) -> None:
        require(rank >= 1, f"tune.rank={rank}: must be at least 1")
        require(alpha > 0, f"tune.alpha={alpha}: must be above 0")
        require(factor >= 1, f"tune.factor={factor}: must be at least 1")
        require(group is None or group >= 1, f"tune.group={group}: must be null, or at least 1")
        self.rank, self.alpha, self.factor, self.group = rank, alpha, factor, group

    def check(self, decoder: Decoder, positions: Positions) -> None:
        """Rotations are needed."""
        require_pe(parts_of(decoder, positions), [RoPE], "pe=rope")

    def changed(self, decoder: Decoder, base: Base) -> Decoder:
        """Interpolate positions, divide attention into groups, and put low-rank matrices beside those of attention."""
        parts = Interpolate(self.factor).changed(parts_of(decoder, Contiguous()), base.sizes)
        group = self.group or max(base.tokens // 2, 1)
        made = view(decoder, parts.with_rules(lambda rule: ShiftedGroups(rule, group)))
        for block in made.blocks:
            assert isinstance(block, Block)
            for name in ("query", "key", "value", "out"):
                trained = getattr(block.attention, name)
                setattr(block.attention, name, LowRank(trained, self.rank, self.alpha / self.rank))
        return made


class LowRank(nn.Module):
    """A trained matrix and, beside it, a product of two thin ones, which starts at 0: (W + factor B A) x.

    Args:
        trained: the layer; its matrix is held, too.
        rank: columns of B, and rows of A.
        factor: multiplies the product.
    """

    def __init__(self, trained: nn.Linear, rank: int, factor: float) -> None:
        super().__init__()
        self.weight, self.factor = trained.weight, factor
        self.first = nn.Parameter(torch.empty(rank, trained.in_features))
        self.second = nn.Parameter(torch.zeros(trained.out_features, rank))
        nn.init.kaiming_uniform_(self.first, a=math.sqrt(5))

    def forward(self, x: Float[Tensor, "*shape channel"]) -> Float[Tensor, "*shape out"]:
        """Apply both to the channels of each token."""
        added = nn.functional.linear(nn.functional.linear(x, self.first), self.second)
        return nn.functional.linear(x, self.weight) + self.factor * added


class ShiftedGroups(Hiding):
    """A trained rule that sees in training the keys of its own group alone, and in evaluation all keys.

    Groups have a fixed number of tokens, so that they depend neither on other examples nor on padding. Those of the second half of the heads are shifted by
    half a group; no group joins the end to the start.

    Args:
        trained: the rule.
        group: tokens of a group.
    """

    def __init__(self, trained: AttentionRule, group: int) -> None:
        super().__init__(trained, self.outside)
        self.group = group

    def forward(
        self, query: Queries, key: Keys, value: Keys, bias: MaskedBias | None, inputs: BlockInputs
    ) -> Queries:
        """See `AttentionRule`."""
        if self.training:
            return super().forward(query, key, value, bias, inputs)
        mixed: Queries = self.trained(query, key, value, bias, inputs)
        return mixed

    def outside(self, inputs: BlockInputs) -> Bool[Tensor, "1 heads query key"]:
        """Keys of other groups."""
        keys, heads = torch.arange(inputs.key.shape[1], device=inputs.key.device), self.shape.heads
        shift = torch.arange(heads, device=keys.device) * 2 // heads * (self.group // 2)
        row, key = ((index + shift.unsqueeze(1)) // self.group for index in (inputs.visible - 1, keys))
        return (row.unsqueeze(2) != key.unsqueeze(1)).unsqueeze(0)
