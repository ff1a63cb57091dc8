"""Learned numbers per head and bucket of distances (Raffel et al. 2020, section 2.1)."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int, Real
from torch import Tensor, nn


def bucket(distance: Int[Tensor, "*shape"], buckets: int, max_distance: int) -> Int[Tensor, "*shape"]:
    """Bucket of each distance; negative distances (later keys) are in bucket 0.

    Args:
        distance: distances in positions.
        buckets: number of buckets; half of them hold one distance each, the others grow logarithmically.
        max_distance: approximate first distance of the last bucket.
    """
    exact = buckets // 2
    distance = distance.clamp(min=0)
    ratio = torch.log(distance.clamp(min=1).float() / exact) / math.log(max_distance / exact)
    return torch.where(
        distance < exact, distance, (exact + (ratio * (buckets - exact)).long()).clamp(max=buckets - 1)
    )


class DistanceTable(nn.Module):
    """A learned table with a row for each bucket of distances and a column for each head.

    Args:
        heads: number of columns.
        buckets: number of rows.
        max_distance: approximate first distance of the last bucket.
        std: standard deviation of the initial values.
    """

    def __init__(self, heads: int, buckets: int, max_distance: int, std: float = 0.0) -> None:
        super().__init__()
        self.buckets, self.max_distance = buckets, max_distance
        self.rows = nn.Parameter(torch.randn(buckets, heads) * std)

    def forward(
        self, query: Real[Tensor, "#batch query"], key: Real[Tensor, "#batch key"]
    ) -> Float[Tensor, "#batch heads query key"]:
        """Look up the row of every distance between queries and keys."""
        distance = (query.unsqueeze(-1) - key.unsqueeze(-2)).long()
        return self.rows.float()[bucket(distance, self.buckets, self.max_distance)].movedim(-1, 1)
