"""URPE: universal relative positional encoding, learned factors on the weights (Luo et al. 2022)."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from lengen.attention import AttentionRule
from lengen.block.distance_table import DistanceTable
from lengen.block.inputs import BlockInputs, Logits, Shape
from lengen.config.errors import require


class URPE(AttentionRule):
    """Weights softmax(z) * C, not normalised again, with a learned factor C per head and bucket of distances.

    Rows need not sum to 1, so that a head can detect how many keys it sees; factors may become negative. Factors start at
    1, which is softmax: the learned table, like that of `pe=t5`, holds the difference to 1. The paper combines this with
    T5's biases (`pe=t5`); here any encoding can be used. The authors' code is an encoder, and only the code was consulted;
    the causal version is ours. The authors' factors, one per distance, are undefined beyond the trained length, hence the
    buckets: all distances beyond `max_distance` share the last one. Buckets that training never visits keep a factor of
    1. Cost: explicit weights, time and memory quadratic in tokens.

    Args:
        shape: the decoder's shape.
        scale: `head_dim` divides the logits by sqrt(head_dim); `none` does not (T5; Kazemnejad et al. 2023).
        buckets: number of rows of the table; half of the buckets hold one distance each.
        max_distance: approximate first distance of the last bucket; should occur in training.
        share_layers: whether all layers share one table, as in the paper.
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
        require(buckets >= 2, f"attention.buckets={buckets}: must be at least 2")  # noqa: PLR2004
        require(
            max_distance > buckets // 2,
            f"attention.max_distance={max_distance}: must be above {buckets // 2}, half of attention.buckets",
        )
        self.share_layers = share_layers
        self.table = DistanceTable(shape.heads, buckets, max_distance)

    def share(self, first: AttentionRule) -> None:
        """Use the table of the first layer, if layers share it."""
        assert isinstance(first, URPE)
        if self.share_layers:
            self.table = first.table

    def reweigh(self, weights: Logits, inputs: BlockInputs) -> Logits:
        """Multiply each weight by the factor of its distance."""
        factors: Tensor = self.table(inputs.query, inputs.key)
        return weights * (1 + factors)
