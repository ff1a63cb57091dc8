"""Cross-attention from the tokens of an answer to what the encoder makes of their prompt."""

from __future__ import annotations

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from lengen.block.inputs import BlockCache, Shape
from lengen.block.shared import SharedInputs

CROSS = -2
"""Loop of the slots that hold keys and values of the encoder in a cache, which all loops of a block share."""


class CrossAttention(nn.Module):
    """Multi-head attention with queries of the decoder, and keys and values of the encoder (Vaswani et al. 2017, section 3.2.3).

    Softmax of products by sqrt(head_dim), without positions of its own, as in T5 (Raffel et al. 2020, section 2.1): those of a prompt are
    what the encoder writes of them. With a cache, keys and values are computed once.

    Args:
        shape: the decoder's shape.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads = shape.heads
        self.query, self.key, self.value, self.out = (
            nn.Linear(shape.dim, shape.dim, bias=False) for _ in range(4)
        )

    def forward(
        self, x: Float[Tensor, "batch wanted dim"], shared: SharedInputs, layer: int
    ) -> Float[Tensor, "batch wanted dim"]:
        """Attend from tokens to all tokens of the prompt of their row.

        Args:
            x: the normalised residual stream of the decoder, of these tokens.
            shared: what the encoder wrote, and the sizes of prompts; a prompt counts as at least one token, the first of the row.
            layer: index of the block.
        """
        assert shared.answers is not None
        cache = BlockCache() if shared.cache is None else shared.cache.block((CROSS, layer))
        key, value = cache.get("key"), cache.get("value")
        if key is None or value is None:
            assert shared.encoded is not None
            key, value = (self._by_head(project(shared.encoded)) for project in (self.key, self.value))
            cache.put("key", key)
            cache.put("value", value)
        columns = torch.arange(key.shape[2], device=key.device)
        seen = columns < shared.answers.clamp(min=1).view(-1, 1, 1, 1)
        mixed = scaled_dot_product_attention(self._by_head(self.query(x)), key, value, attn_mask=seen)
        out: Tensor = self.out(rearrange(mixed, "batch heads time head_dim -> batch time (heads head_dim)"))
        return out

    def _by_head(
        self, projected: Float[Tensor, "batch time dim"]
    ) -> Float[Tensor, "batch heads time head_dim"]:
        """Divide channels into heads."""
        return rearrange(
            projected, "batch time (heads head_dim) -> batch heads time head_dim", heads=self.heads
        )
