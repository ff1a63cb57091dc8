"""Random draws: generators keyed by their purpose, and random orders that are the same on every processor."""

from __future__ import annotations

import hashlib

import torch
from jaxtyping import Float, Int
from torch import Tensor

STEPS = 2**24
"""Values of a draw of float32."""


GENERATOR = 2
"""Version of everything that draws examples: raised when the same options and seeds give others."""


def generator(*key: str | int) -> torch.Generator:
    """A generator keyed by what it is for, such as ("train", seed, step)."""
    digest = hashlib.sha256(repr(key).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "little") >> 1)


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
