"""Learned biases of positions only, with weights for all layers or per layer (T5, KERPLE, FIRE)."""

from __future__ import annotations

from lengen.block.inputs import BlockInputs, KeyPosition, Keys, LogitBias, Queries, QueryPosition, Shape
from lengen.pe import PositionalEncoding


class LayeredBias(PositionalEncoding):
    """Base class of learned biases that depend on positions only.

    Args:
        shape: the decoder's shape.
        share_layers: whether all layers share one table of weights; otherwise each has its own.
    """

    def __init__(self, shape: Shape, share_layers: bool) -> None:
        super().__init__(shape)
        self.share_layers = share_layers
        self.tables = 1 if share_layers else shape.layers

    def learned(self, table: int, query: QueryPosition, key: KeyPosition) -> LogitBias:
        """Return the bias.

        Args:
            table: index of the table of weights, 0 if layers share it.
            query: positions of the queries.
            key: positions of the keys.
        """
        raise NotImplementedError

    def logit_bias(self, query: QueryPosition, key: KeyPosition) -> LogitBias | None:
        """The bias of all layers; None if each has its own."""
        return self.learned(0, query, key) if self.share_layers else None

    def context(
        self,
        query: Queries,
        key: Keys,
        inputs: BlockInputs,
    ) -> LogitBias | None:
        """The bias of the block's layer; None if all layers share one."""
        return None if self.share_layers else self.learned(inputs.layer, inputs.query, inputs.key)
