"""Kernelized relative biases, KERPLE (Chi et al. 2022, section 4)."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import softplus

from lengen.block.inputs import KeyPosition, LogitBias, QueryPosition, Shape, wide
from lengen.pe.alibi import distances
from lengen.pe.layered import LayeredBias

LEAST, MOST = 0.01, 2.0
"""Bounds of the authors' code: of every weight from below, of an exponent from above."""


class Kerple(LayeredBias):
    """-factor * ln(1 + bend * distance) (`log`), or -factor * distance^bend (`power`), added after scaling.

    Two positive weights a head, drawn at first: for `log` factor from 0 to 2 and bend from 0 to 1, for `power` factor
    from 0 to 1 and bend from 0 to 2. Beyond the trained length `log` flattens, `power` keeps falling. A distance counts
    without its sign where positions do not increase, a case the paper does not have. The authors' code also has a
    factor on the logits, which is not here. Attention with a bias mask that is learned: time and memory
    quadratic in tokens.

    Args:
        shape: the decoder it serves.
        kind: see above; `log` is the paper's best.
        parametrisation: how weights stay positive. `clamp`: read as 0.01 at least (an exponent as 2 at most), with
            gradients as if nothing was clamped; the authors' code writes the bound back into the weight at every
            step, ours lets it pass the bound. `softplus`: softplus(weight), 2 sigmoid(weight) for an exponent; ours.
        share_layers: one row of weights for all layers, as in the authors' code, or one a layer.
    """

    def __init__(
        self,
        shape: Shape,
        kind: Literal["log", "power"] = "log",
        parametrisation: Literal["clamp", "softplus"] = "clamp",
        share_layers: bool = True,
    ) -> None:
        super().__init__(shape, share_layers)
        self.kind, self.parametrisation = kind, parametrisation
        large, small = (torch.rand(self.tables, shape.heads) * most for most in (2, 1))
        factor, bend = (large, small) if kind == "log" else (small, large)
        if parametrisation == "softplus":
            factor = factor.clamp(min=LEAST).expm1().log()
            bend = (
                bend.clamp(min=LEAST).expm1().log()
                if kind == "log"
                else (bend.clamp(LEAST, 0.999 * MOST) / MOST).logit()
            )
        self.factor, self.bend = nn.Parameter(factor), nn.Parameter(bend)

    def positive(self, weight: Float[Tensor, " heads"], most: float | None) -> Float[Tensor, "heads 1 1"]:
        """What a weight stands for, in float32 or wider; up to `most`."""
        weight = wide(weight).view(-1, 1, 1)
        if self.parametrisation == "clamp":
            return weight + (weight.clamp(LEAST, most) - weight).detach()
        return softplus(weight) if most is None else most * weight.sigmoid()

    def learned(self, table: int, query: QueryPosition, key: KeyPosition) -> LogitBias:
        """The kernel of every distance."""
        distance, factor = distances(query, key), self.positive(self.factor[table], None)
        if self.kind == "log":
            return -factor * torch.log1p(self.positive(self.bend[table], None) * distance)
        apart = distance > 0  # the logarithm of 0, and its gradient, are not asked for
        power = torch.exp(self.positive(self.bend[table], MOST) * distance.where(apart, 1.0).log())
        return -factor * power * apart
