"""How logits become weights: the contract of an attention."""

from __future__ import annotations

from abc import abstractmethod

from jaxtyping import Float
from torch import Tensor, nn

from lengen.pe import Shape


class AttentionRule(nn.Module):
    """From queries, keys and values to their mix. One module a layer.

    Args:
        shape: the decoder it serves.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape

    @abstractmethod
    def forward(
        self,
        query: Float[Tensor, "batch heads query head_dim"],
        key: Float[Tensor, "batch heads key head_dim"],
        value: Float[Tensor, "batch heads key head_dim"],
        bias: Float[Tensor, "#batch #heads query key"] | None,
    ) -> Float[Tensor, "batch heads query head_dim"]:
        """Mix the values.

        Args:
            query: queries, the newest tokens.
            key: keys of all tokens so far.
            value: their values.
            bias: added to the scaled logits, minus infinity where a key is not to be seen. None means causal and
                nothing else: all keys for a single query, is_causal for as many queries as keys.
        """
