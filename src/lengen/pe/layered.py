"""Learned biases that know positions alone, with weights for all layers or for each (T5, KERPLE, FIRE)."""

from __future__ import annotations

from lengen.block.inputs import BlockInputs, KeyPosition, Keys, LogitBias, Queries, QueryPosition, Shape
from lengen.pe import PositionalEncoding


class LayeredBias(PositionalEncoding):
    """A learned bias that knows positions alone: one table of weights serves all layers, or every layer has its own.

    Args:
        shape: the decoder it serves.
        share_layers: whether there is one table for all.
    """

    def __init__(self, shape: Shape, share_layers: bool) -> None:
        super().__init__(shape)
        self.share_layers = share_layers
        self.tables = 1 if share_layers else shape.layers

    def learned(self, table: int, query: QueryPosition, key: KeyPosition) -> LogitBias:
        """The bias of a table of weights."""
        raise NotImplementedError

    def logit_bias(self, query: QueryPosition, key: KeyPosition) -> LogitBias | None:
        """That of all layers; None where each has its own."""
        return self.learned(0, query, key) if self.share_layers else None

    def context(
        self,
        query: Queries,
        key: Keys,
        inputs: BlockInputs,
    ) -> LogitBias | None:
        """That of the layer; None where all share one."""
        return None if self.share_layers else self.learned(inputs.layer, inputs.query, inputs.key)
