"""Blockwise causal attention (Sun et al. 2023)."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Bool
from torch import Tensor

from lengen.attention import AttentionRule
from lengen.block.inputs import BlockInputs, Shape
from lengen.config.errors import require


class Blockwise(AttentionRule):
    """Causal softmax over the keys of a token's own block of tokens and of the previous block.

    A token sees block + 1 to 2 * block tokens. The paper trains without blocks, and evaluates xPos with blocks of half
    the trained length. If `block` is half the number of trained tokens (including bos), this rule does not change
    training, as nothing is masked up to 2 * block tokens. The encoding's bias applies to visible keys. Beyond the trained
    length distances stay below 2 * block; earlier tokens are not visible. Cost: attention with a bias mask, time and
    memory quadratic in tokens; fused up to 2 * block tokens.

    Args:
        shape: the decoder's shape.
        scale: `head_dim` divides the logits by sqrt(head_dim); `none` does not (T5; Kazemnejad et al. 2023).
        block: number of tokens per block.
    """

    sparse = True

    def __init__(
        self, shape: Shape, scale: Literal["head_dim", "none"] = "head_dim", block: int = 32
    ) -> None:
        super().__init__(shape, scale)
        require(block >= 1, f"attention.block={block}: must be at least 1")
        self.block = block

    def hide(self, inputs: BlockInputs) -> Bool[Tensor, "1 1 query key"] | None:
        """Keys before the previous block."""
        keys = inputs.key.shape[1]
        if keys <= 2 * self.block:
            return None
        query = (inputs.visible - 1) // self.block
        key = torch.arange(keys, device=inputs.key.device) // self.block
        return (query.unsqueeze(-1) - key > 1)[None, None]
