"""Positions drawn from those of training, in ascending order (randomized positions; Ruoss et al. 2023), at evaluation."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import torch
from jaxtyping import Int
from torch import Tensor

from lengen.extend import DoesNotApplyError, Extension, Fit, Parts, Sizes
from lengen.extend.mapped_positions import MappedPositions
from lengen.positions.contiguous import Contiguous
from lengen.positions.offset import Offset
from lengen.positions.random_steps import RandomSteps
from lengen.positions.randomized import Randomized as RandomizedPositions
from lengen.sampling import generator


class Randomized(Extension):
    """The k-th token of n has the k-th of n positions out of the M trained ones; all rows of a length have the same.

    Made for decoders that were trained with randomized positions, which are otherwise evaluated with those of their own scheme; for
    others a control. From M tokens on positions are 0, 1, 2, … One draw is evaluated, not a mean over several.

    Args:
        kind: `draw`, a random draw without replacement; or `even`, evenly spaced ones, rounded.
        seed: of the draw.
    """

    slot = "positions"

    def __init__(self, kind: Literal["draw", "even"] = "draw", seed: int = 0) -> None:
        self.kind, self.seed = kind, seed

    def fit(self, parts: Parts) -> Fit:
        """Exact for `positions=randomized`; ours for others that count tokens."""
        if not parts.pe.reads or parts.pe.streams is not None:
            raise DoesNotApplyError("pe", parts.pe, "an encoding that reads one position a token")
        if not isinstance(parts.positions, RandomizedPositions | Contiguous | Offset | RandomSteps):
            raise DoesNotApplyError("positions", parts.positions, "positions that count tokens")
        return "exact" if isinstance(parts.positions, RandomizedPositions) else "approximate"

    def changed(self, parts: Parts, sizes: Sizes) -> Parts:
        """Look the positions up."""
        table, step = self.table(sizes), max(sizes.positions / max(sizes.tokens, 1), 1.0)

        def placed(count: Tensor) -> Tensor:
            known = table.to(count.device)
            beyond = (count - len(known) + 1).clamp(min=0)
            return known[count.clamp(max=len(known) - 1)] + (beyond * step).round().long()

        return replace(parts, positions=MappedPositions(Contiguous(), placed))

    def table(self, sizes: Sizes) -> Int[Tensor, " time"]:
        """Return the position of every token; those that a decoder writes beyond go on by the mean gap."""
        time, largest = sizes.tokens, max(sizes.positions, sizes.tokens)
        if self.kind == "even":
            return torch.linspace(0, largest - 1, time, dtype=torch.float64).round().long()
        drawn = torch.randperm(largest, generator=generator("extend positions", self.seed, time))
        return drawn[:time].sort().values

    def changes_nothing(self, sizes: Sizes) -> bool:
        """From the trained number of positions on."""
        return sizes.tokens >= sizes.positions
