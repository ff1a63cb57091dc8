"""Random orders and choices that are the same on every processor: where draws are equal, the first comes first."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

STEPS = 2**24
"""Values of a draw of float32."""


def orders(shape: tuple[int, ...], generator: torch.Generator) -> Int[Tensor, "..."]:
    """Random orders of the last axis."""
    return torch.rand(shape, generator=generator).argsort(dim=-1, stable=True)


def largest(draws: Float[Tensor, "*shape draw"], count: int) -> Int[Tensor, "*shape count"]:
    """Places of the largest draws of the last axis, the largest first.

    Args:
        draws: of `torch.rand` in float32, so that they are whole in units of 1/STEPS; or -1, for what is not wanted.
        count: of places.
    """
    axis = draws.shape[-1]
    return ((draws * STEPS).long() * axis - torch.arange(axis, device=draws.device)).topk(count).indices
