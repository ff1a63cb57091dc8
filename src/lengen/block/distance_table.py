"""A learned number a head for each bucket of distances (Raffel et al. 2020, section 2.1)."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int, Real
from torch import Tensor, nn


def bucket(distance: Int[Tensor, "*shape"], buckets: int, max_distance: int) -> Int[Tensor, "*shape"]:
    """Bucket of each distance; negative distances (future keys) are in bucket 0.

    Args:
        distance: in positions.
        buckets: how many; half of them hold one distance each, the rest grow logarithmically.
        max_distance: first distance of the last bucket, about.
    """
    exact = buckets // 2
    distance = distance.clamp(min=0)
    ratio = torch.log(distance.clamp(min=1).float() / exact) / math.log(max_distance / exact)
    return torch.where(
        distance < exact, distance, (exact + (ratio * (buckets - exact)).long()).clamp(max=buckets - 1)
    )


class DistanceTable(nn.Module):
    """One row of numbers, one a head, for each bucket of distances.

    Args:
        heads: numbers in a row.
        buckets: rows.
        max_distance: first distance of the last bucket, about.
        std: standard deviation of the initial values.
    """

    def __init__(self, heads: int, buckets: int, max_distance: int, std: float = 0.0) -> None:
        super().__init__()
        self.buckets, self.max_distance = buckets, max_distance
        self.rows = nn.Parameter(torch.randn(buckets, heads) * std)

    def forward(
        self, query: Real[Tensor, "#batch query"], key: Real[Tensor, "#batch key"]
    ) -> Float[Tensor, "#batch heads query key"]:
        """The row of every distance."""
        distance = (query.unsqueeze(-1) - key.unsqueeze(-2)).long()
        return self.rows.float()[bucket(distance, self.buckets, self.max_distance)].movedim(-1, 1)
