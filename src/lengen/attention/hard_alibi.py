"""Hard-ALiBi: some heads see the last few tokens only, the others all (Jelassi et al. 2024)."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Bool
from torch import Tensor

from lengen.attention import AttentionRule
from lengen.block.inputs import BlockInputs, Shape
from lengen.config.errors import require


class HardALiBi(AttentionRule):
    """Softmax in which local head h = 0, 1, 2, … sees the last h + 1 tokens only, including its own; other heads see all.

    The paper uses no positional encoding and 8 local heads of 16; with an encoding, its bias applies to visible keys.
    Distances are counted in tokens, whatever the positions. Beyond the trained length local heads do the same; the others
    behave as without positions. Cost: attention with a bias mask, time and memory quadratic in tokens.

    Args:
        shape: the decoder's shape.
        scale: `head_dim` divides the logits by sqrt(head_dim); `none` does not (T5; Kazemnejad et al. 2023).
        local_heads: number of local heads; None is half of the heads.
    """

    sparse = True

    def __init__(
        self, shape: Shape, scale: Literal["head_dim", "none"] = "head_dim", local_heads: int | None = None
    ) -> None:
        super().__init__(shape, scale)
        require(
            local_heads is None or 0 <= local_heads <= shape.heads,
            f"attention.local_heads={local_heads}: must be null or in [0, {shape.heads}] (decoder.heads)",
        )
        self.local_heads = shape.heads // 2 if local_heads is None else local_heads

    def hide(self, inputs: BlockInputs) -> Bool[Tensor, "1 heads query key"] | None:
        """Keys more than h tokens back, for local head h."""
        if not self.local_heads:
            return None
        head = torch.arange(self.shape.heads, device=inputs.key.device).view(1, -1, 1, 1)
        return (inputs.back > head) & (head < self.local_heads)
