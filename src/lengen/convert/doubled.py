"""The residual stream twice, as [x, -x]: its mean is 0, so that LayerNorm of it is [RMSNorm(x), -RMSNorm(x)].

What writes to the stream writes W and -W; what reads it reads the first half. Heads are twice as wide, with zeros behind their own
channels, and as their logits are divided by sqrt(2 head_dim), queries are multiplied by sqrt(2).
"""

from __future__ import annotations

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from lengen.convert import Matrix


def written(weight: Matrix) -> Matrix:
    """Return a matrix that writes to the stream: its rows, and their negatives."""
    return torch.cat([weight, -weight])


def embedded(rows: Float[Tensor, "row dim"]) -> Float[Tensor, "row doubled"]:
    """Return rows of an embedding, each followed by its negative."""
    return torch.cat([rows, -rows], -1)


def reads(weight: Matrix) -> Matrix:
    """Return a matrix that reads the stream: zeros for the second half."""
    return torch.cat([weight, torch.zeros_like(weight)], -1)


def norm(weight: Float[Tensor, " dim"]) -> Float[Tensor, " doubled"]:
    """Return the weight of a LayerNorm."""
    return weight.repeat(2)


def heads_of(weight: Matrix, heads: int) -> Matrix:
    """Return a matrix to queries, keys or values of wider heads, which reads the stream."""
    rows = rearrange(reads(weight), "(heads row) column -> heads row column", heads=heads)
    return torch.cat([rows, torch.zeros_like(rows)], 1).flatten(0, 1)


def from_heads(weight: Matrix, heads: int) -> Matrix:
    """Return a matrix from the values of wider heads, which writes to the stream."""
    columns = rearrange(weight, "row (heads column) -> row heads column", heads=heads)
    return written(torch.cat([columns, torch.zeros_like(columns)], -1).flatten(1))
