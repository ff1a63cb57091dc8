"""Attention: queries, keys and values of all tokens so far, mixed by the rule of the group `attention` with an encoding of the group `pe`."""

from __future__ import annotations

from typing import ClassVar

from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from lengen.block.inputs import BlockInputs, MaskedBias
from lengen.block.shared import SharedInputs, causal
from lengen.mixer import Layer, Mixer
from lengen.pe import PositionalEncoding


class Attention(Mixer):
    """Multi-head attention with an exchangeable rule (Vaswani et al. 2017).

    Its state is keys and values of all tokens so far.

    Args:
        layer: the layer; its rule is that of the group `attention`.
    """

    name = "attention"
    cost: ClassVar[str] = "quadratic"

    def __init__(self, layer: Layer) -> None:
        super().__init__()
        shape = layer.shape
        self.heads, self.dim, self.rule = shape.heads, shape.dim, layer.attention(shape)
        self.query, self.key, self.value, self.out = (
            nn.Linear(shape.dim, shape.dim, bias=False) for _ in range(4)
        )

    def forward(
        self,
        x: Float[Tensor, "batch time dim"],
        pe: PositionalEncoding,
        shared: SharedInputs,
        slot: tuple[int, int],
        first: int = 0,
    ) -> Float[Tensor, "batch wanted dim"]:
        """Attend from the new tokens, from column `first` on, to all tokens so far."""
        inputs = shared.inputs(x, slot)
        query, key, value = (
            rearrange(
                project(x), "batch time (heads head_dim) -> batch heads time head_dim", heads=self.heads
            )
            for project in (self.query, self.key, self.value)
        )
        query, key, value = pe.transform(query, key, value, shared.table, inputs)
        key, value = inputs.cache.extend("key", key), inputs.cache.extend("value", value)
        bias, extra = shared.bias, first
        if first and not (pe.reads_queries or self.rule.reads_queries) and inputs.distance_bias is None:
            query, extra = query[:, :, first:], 0
            inputs = inputs.of_queries(first, f"{type(pe).__name__} or {type(self.rule).__name__}")
            bias = None if bias is None else bias[:, :, first:]
            if not query.shape[2]:
                return x[:, first:]  # keys and values alone were wanted
        bias = combined(bias, pe.context(query, key, inputs), inputs)
        mixed = self.rule(query, key, value, bias, inputs)[:, :, extra:]
        out: Tensor = self.out(rearrange(mixed, "batch heads time head_dim -> batch time (heads head_dim)"))
        return out

    def state_size(self, tokens: int) -> int:
        """See `Mixer`: a key and a value of every token; what a rule or an encoding keeps beside them does not count."""
        return 2 * self.dim * tokens


def combined(
    shared: MaskedBias | None,
    own: MaskedBias | None,
    inputs: BlockInputs,
) -> MaskedBias | None:
    """The sum of the bias that all blocks share and that of one block, with the causal mask."""
    if shared is None:
        return causal(own, inputs.query, inputs.key)
    return shared if own is None else shared + own
