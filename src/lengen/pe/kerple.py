"""KERPLE: kernelized relative biases (Chi et al. 2022, section 4)."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import softplus

from lengen.block.inputs import KeyPosition, LogitBias, QueryPosition, Shape, wide
from lengen.pe.alibi import distances
from lengen.pe.layered import LayeredBias

MIN_WEIGHT, MAX_EXPONENT = 0.01, 2.0
"""Bounds in the authors' code: lower bound of every weight, upper bound of an exponent."""


class Kerple(LayeredBias):
    """-factor * ln(1 + bend * distance) (`log`), or -factor * distance^bend (`power`), added after scaling.

    Two positive weights per head, with random initial values: for `log`, factor is uniform in [0, 2) and bend in [0, 1);
    for `power`, factor is uniform in [0, 1) and bend in [0, 2). Beyond the trained length `log` flattens and `power`
    keeps falling. Distances are absolute values, which matters only if positions do not increase, a case the paper does
    not cover. The authors' code also has a factor on the logits, which is left out here. Cost: attention with a learned
    bias mask, time and memory quadratic in tokens.

    Args:
        shape: the decoder's shape.
        kind: see above; `log` is the paper's best.
        parametrisation: how weights stay positive. `clamp` clamps them to at least 0.01 (an exponent also to at most 2)
            with straight-through gradients; the authors' code writes the bound back into the weight at every step, here
            the weight may move past it. `softplus` uses softplus(weight), and 2 sigmoid(weight) for an exponent; it is
            ours.
        share_layers: whether all layers share the weights, as in the authors' code, or each has its own.
    """

    both_ways = True

    def __init__(
        self,
        shape: Shape,
        kind: Literal["log", "power"] = "log",
        parametrisation: Literal["clamp", "softplus"] = "clamp",
        share_layers: bool = True,
    ) -> None:
        super().__init__(shape, share_layers)
        self.kind, self.parametrisation = kind, parametrisation
        large, small = (torch.rand(self.tables, shape.heads) * upper for upper in (2, 1))
        factor, bend = (large, small) if kind == "log" else (small, large)
        if parametrisation == "softplus":
            factor = factor.clamp(min=MIN_WEIGHT).expm1().log()
            bend = (
                bend.clamp(min=MIN_WEIGHT).expm1().log()
                if kind == "log"
                else (bend.clamp(MIN_WEIGHT, 0.999 * MAX_EXPONENT) / MAX_EXPONENT).logit()
            )
        self.factor, self.bend = nn.Parameter(factor), nn.Parameter(bend)

    def positive(self, weight: Float[Tensor, " heads"], maximum: float | None) -> Float[Tensor, "heads 1 1"]:
        """The positive value that a weight parametrises, in float32 or wider; at most `maximum`."""
        weight = wide(weight).view(-1, 1, 1)
        if self.parametrisation == "clamp":
            return weight + (weight.clamp(MIN_WEIGHT, maximum) - weight).detach()
        return softplus(weight) if maximum is None else maximum * weight.sigmoid()

    def learned(self, table: int, query: QueryPosition, key: KeyPosition) -> LogitBias:
        """The kernel at every distance."""
        distance, factor = distances(query, key), self.positive(self.factor[table], None)
        if self.kind == "log":
            return -factor * torch.log1p(self.positive(self.bend[table], None) * distance)
        nonzero = distance > 0  # log(0) and its gradient are avoided
        power = torch.exp(self.positive(self.bend[table], MAX_EXPONENT) * distance.where(nonzero, 1.0).log())
        return -factor * power * nonzero
