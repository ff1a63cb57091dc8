"""The relative bias of T5 (Raffel et al. 2020, section 2.1)."""

from __future__ import annotations

import torch
from jaxtyping import Int
from torch import Tensor, nn

from lengen.block.distance_table import bucket
from lengen.block.inputs import KeyPosition, LogitBias, QueryPosition, Shape
from lengen.config.errors import require
from lengen.pe.layered import LayeredBias


class T5(LayeredBias):
    """A learned bias a head for each bucket of distances, added after scaling.

    Half of the buckets hold one distance each, the rest grow logarithmically up to `max_distance`; all beyond share the
    last. Buckets that training never visits keep their initial value: with `max_distance` far above the trained length,
    longer problems read biases that were never learned. Attention with a bias mask that is
    learned: time and memory quadratic in tokens.

    Args:
        shape: the decoder it serves.
        buckets: rows of the table.
        max_distance: first distance of the last bucket, about.
        std: standard deviation of the initial values.
        share_layers: one table for all layers, as in the paper, or one a layer.
    """

    distances = True
    whole = True

    def __init__(
        self,
        shape: Shape,
        buckets: int = 32,
        max_distance: int = 128,
        std: float = 0.02,
        share_layers: bool = True,
    ) -> None:
        super().__init__(shape, share_layers)
        require(buckets >= 2, f"pe.buckets={buckets}: allowed is 2 or more")  # noqa: PLR2004
        require(
            max_distance > buckets // 2,
            f"pe.max_distance={max_distance}: allowed is above {buckets // 2}, half of pe.buckets",
        )
        require(std >= 0, f"pe.std={std}: allowed is 0 or more")
        self.buckets, self.max_distance = buckets, max_distance
        self.rows = nn.Parameter(torch.randn(self.tables * buckets, shape.heads) * std)

    def bucket(self, distance: Int[Tensor, "*shape"]) -> Int[Tensor, "*shape"]:
        """Bucket of each distance; negative distances (future keys) are in bucket 0."""
        return bucket(distance, self.buckets, self.max_distance)

    def learned(self, table: int, query: QueryPosition, key: KeyPosition) -> LogitBias:
        """A table's row for every distance."""
        distance = (query.unsqueeze(-1) - key.unsqueeze(-2)).long()
        rows = self.rows.float()[table * self.buckets :]
        return rows[self.bucket(distance)].movedim(-1, 1)
