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
    """Softmax over the keys of a token's own block of tokens and of the block before, never later ones.

    A token sees block + 1 to 2 * block tokens. The paper trains without blocks and evaluates xPos with blocks of half
    the trained length: with `block` at half of the trained tokens (bos included) training is the same with this rule
    and without, as nothing is hidden up to 2 * block tokens. The bias of the encoding counts for what is seen.
    Attention with a bias mask, time and memory quadratic in tokens; fused up to 2 * block tokens. Beyond the trained
    length distances stay below 2 * block; what lies further back is lost.

    Args:
        shape: the decoder it serves.
        scale: `head_dim` divides logits by its square root; `none` leaves them (T5, and the central paper).
        block: tokens of a block.
    """

    sparse = True

    def __init__(
        self, shape: Shape, scale: Literal["head_dim", "none"] = "head_dim", block: int = 32
    ) -> None:
        super().__init__(shape, scale)
        require(block >= 1, f"attention.block={block}: allowed is 1 or more")
        self.block = block

    def hide(self, inputs: BlockInputs) -> Bool[Tensor, "1 1 query key"] | None:
        """Blocks before the one before."""
        keys = inputs.key.shape[1]
        if keys <= 2 * self.block:
            return None
        query = (inputs.visible - 1) // self.block
        key = torch.arange(keys, device=inputs.key.device) // self.block
        return (query.unsqueeze(-1) - key > 1)[None, None]
