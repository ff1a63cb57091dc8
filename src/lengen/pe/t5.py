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
    """A learned bias per head for each bucket of distances, added after scaling.

    Half of the buckets hold one distance each; the others grow logarithmically up to `max_distance`. All larger distances
    share the last bucket. Buckets that training never visits keep their initial value: if `max_distance` is far above the
    trained length, longer problems use biases that were never learned. Cost: attention with a learned bias mask, time
    and memory quadratic in tokens.

    Args:
        shape: the decoder's shape.
        buckets: number of rows of the table.
        max_distance: approximate first distance of the last bucket.
        std: standard deviation of the initial values.
        share_layers: whether all layers share one table, as in the paper, or each has its own.
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
        require(buckets >= 2, f"pe.buckets={buckets}: must be at least 2")  # noqa: PLR2004
        require(
            max_distance > buckets // 2,
            f"pe.max_distance={max_distance}: must be above {buckets // 2}, half of pe.buckets={buckets}",
        )
        require(std >= 0, f"pe.std={std}: must be at least 0")
        self.buckets, self.max_distance = buckets, max_distance
        self.rows = nn.Parameter(torch.randn(self.tables * buckets, shape.heads) * std)

    def bucket(self, distance: Int[Tensor, "*shape"]) -> Int[Tensor, "*shape"]:
        """Bucket of each distance; negative distances (later keys) are in bucket 0."""
        return bucket(distance, self.buckets, self.max_distance)

    def learned(self, table: int, query: QueryPosition, key: KeyPosition) -> LogitBias:
        """The table's row for every distance."""
        distance = (query.unsqueeze(-1) - key.unsqueeze(-2)).long()
        rows = self.rows.float()[table * self.buckets :]
        return rows[self.bucket(distance)].movedim(-1, 1)
