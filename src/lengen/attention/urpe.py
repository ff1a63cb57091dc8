"""Universal relative positional encoding: factors on the weights (Luo et al. 2022)."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from lengen.attention import AttentionRule
from lengen.block.distance_table import DistanceTable
from lengen.block.inputs import BlockInputs, Logits, Shape
from lengen.config.errors import require


class URPE(AttentionRule):
    """Weights softmax(z) * C, not normalised again, with a learned factor C for each head and bucket of distances.

    Rows need not sum to 1, so that a head can tell how many keys it sees; factors may turn negative. They start at 1,
    as softmax: what is learned is the difference to 1, in a table like that of `pe=t5`. The paper puts T5's biases
    (`pe=t5`) underneath; here any encoding may stand there. The authors' code is an encoder, and beyond it their text
    was not read: the causal use is ours. Its own factors, one a distance, are undefined beyond the trained length,
    hence the buckets; all distances beyond `max_distance` share the last. Buckets that training never visits keep their
    1. Explicit weights: time and memory quadratic in tokens.

    Args:
        shape: the decoder it serves.
        scale: `head_dim` divides logits by its square root; `none` leaves them (T5, and the central paper).
        buckets: rows of the table; half of them hold one distance each.
        max_distance: first distance of the last bucket, about: what training surely visits.
        share_layers: whether all layers have one table, as in the paper.
    """

    fused = False
    reads = True
    distances = True
    whole = True

    def __init__(
        self,
        shape: Shape,
        scale: Literal["head_dim", "none"] = "head_dim",
        buckets: int = 16,
        max_distance: int = 32,
        share_layers: bool = True,
    ) -> None:
        super().__init__(shape, scale)
        require(buckets >= 2, f"attention.buckets={buckets}: allowed is 2 or more")  # noqa: PLR2004
        require(
            max_distance > buckets // 2,
            f"attention.max_distance={max_distance}: allowed is above {buckets // 2}, half of attention.buckets",
        )
        self.share_layers = share_layers
        self.table = DistanceTable(shape.heads, buckets, max_distance)

    def share(self, first: AttentionRule) -> None:
        """The table of the first layer."""
        assert isinstance(first, URPE)
        if self.share_layers:
            self.table = first.table

    def reweigh(self, weights: Logits, inputs: BlockInputs) -> Logits:
        """Each weight times the factor of its distance."""
        factors: Tensor = self.table(inputs.query, inputs.key)
        return weights * (1 + factors)
