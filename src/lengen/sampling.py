"""Random draws: generators keyed by purpose, and random orders that are the same on every processor."""

from __future__ import annotations

import hashlib

import torch
from jaxtyping import Float, Int
from torch import Tensor

STEPS = 2**24
"""Number of values that a draw of `torch.rand` in float32 can have."""


GENERATOR = 2
"""Version of all code that draws examples; raised if the same options and seeds would give other examples."""


def generator(*key: str | int) -> torch.Generator:
    """A generator seeded by a key that names its purpose, such as ("train", seed, step)."""
    digest = hashlib.sha256(repr(key).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "little") >> 1)


def orders(shape: tuple[int, ...], generator: torch.Generator) -> Int[Tensor, "..."]:
    """Random permutations of the last axis, of the given shape."""
    return torch.rand(shape, generator=generator).argsort(dim=-1, stable=True)


def largest(draws: Float[Tensor, "*shape draw"], count: int) -> Int[Tensor, "*shape count"]:
    """Indices of the largest draws along the last axis, the largest first; of equal draws the first comes first.

    Args:
        draws: draws of `torch.rand` in float32, which are multiples of 1/STEPS; -1 excludes an index.
        count: number of indices.
    """
    axis = draws.shape[-1]
    return ((draws * STEPS).long() * axis - torch.arange(axis, device=draws.device)).topk(count).indices
