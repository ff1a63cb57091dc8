"""Sliding-window attention (Beltagy et al. 2020, section 3.1)."""

from __future__ import annotations

from typing import Literal

from jaxtyping import Bool
from torch import Tensor

from lengen.attention import AttentionRule
from lengen.block.inputs import BlockInputs, Shape
from lengen.config.errors import require


class Window(AttentionRule):
    """Causal softmax over the keys at a distance of 0 to window - 1.

    Counted in tokens, these are the last `window` tokens, including the token itself. Counted in positions, these are all
    earlier keys with |distance| < window; with coupled positions far tokens may be visible and near ones masked. Through
    several layers information travels layers * (window - 1) tokens. The encoding's bias applies within the window.
    Designed to do the same beyond the trained length; earlier tokens are not visible. Cost: attention with a bias mask,
    time and memory quadratic in tokens; fused while all tokens fit the window.

    Args:
        shape: the decoder's shape.
        scale: `head_dim` divides the logits by sqrt(head_dim); `none` does not (T5; Kazemnejad et al. 2023).
        window: number of visible distances.
        over: unit of distances, `tokens` or `positions`.
    """

    sparse = True

    def __init__(
        self,
        shape: Shape,
        scale: Literal["head_dim", "none"] = "head_dim",
        window: int = 16,
        over: Literal["tokens", "positions"] = "tokens",
    ) -> None:
        super().__init__(shape, scale)
        require(window >= 1, f"attention.window={window}: must be at least 1")
        self.window, self.over, self.reads = window, over, over == "positions"

    def hide(self, inputs: BlockInputs) -> Bool[Tensor, "#batch 1 query key"] | None:
        """Keys outside the window."""
        if self.over == "positions":
            return ((inputs.query.unsqueeze(-1) - inputs.key.unsqueeze(-2)).abs() >= self.window).unsqueeze(1)
        if inputs.key.shape[1] <= self.window:
            return None
        return (inputs.back >= self.window)[None, None]
