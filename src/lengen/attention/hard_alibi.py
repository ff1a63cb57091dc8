"""Hard-ALiBi: some heads see a few tokens, the others all (Jelassi et al. 2024)."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Bool
from torch import Tensor

from lengen.attention import AttentionRule
from lengen.block.inputs import BlockInputs, Shape
from lengen.config.errors import require


class HardALiBi(AttentionRule):
    """Softmax; local head h = 0, 1, 2, … sees the last h + 1 tokens alone, its own included; the other heads see all.

    The paper uses it without an encoding, and has 8 local heads of 16; an encoding's bias counts for what is seen.
    Counted in tokens, whatever the positions. Attention with a bias mask, time and memory quadratic in tokens. Beyond
    the trained length the local heads do the same; the others are as they are without positions.

    Args:
        shape: the decoder it serves.
        scale: `head_dim` divides logits by its square root; `none` leaves them (T5, and the central paper).
        local_heads: number of local heads; None takes half.
    """

    sparse = True

    def __init__(
        self, shape: Shape, scale: Literal["head_dim", "none"] = "head_dim", local_heads: int | None = None
    ) -> None:
        super().__init__(shape, scale)
        require(
            local_heads is None or 0 <= local_heads <= shape.heads,
            f"attention.local_heads={local_heads}: allowed is 0 to {shape.heads}, the heads of the decoder",
        )
        self.local_heads = shape.heads // 2 if local_heads is None else local_heads

    def hide(self, inputs: BlockInputs) -> Bool[Tensor, "1 heads query key"] | None:
        """More than h tokens back, for local head h."""
        if not self.local_heads:
            return None
        head = torch.arange(self.shape.heads, device=inputs.key.device).view(1, -1, 1, 1)
        return (inputs.back > head) & (head < self.local_heads)
