"""A sliding window (Beltagy et al. 2020, section 3.1)."""

from __future__ import annotations

from typing import Literal

from jaxtyping import Bool
from torch import Tensor

from lengen.attention import AttentionRule
from lengen.block.inputs import BlockInputs, Shape
from lengen.config.errors import require


class Window(AttentionRule):
    """Softmax over the keys at a distance below the window: 0 up to window - 1, its own included; never later ones.

    Counted in tokens it is the last `window` tokens. Counted in positions it is |distance| < window: with coupled
    positions a window of places, which may show far tokens and hide near ones. In several layers a token reaches layers
    * (window - 1) tokens back. The bias of the encoding counts within the window. Attention with a bias mask, time and
    memory quadratic in tokens; fused while all tokens fit the window. Beyond the trained length the same, by design:
    what lies further back is lost.

    Args:
        shape: the decoder it serves.
        scale: `head_dim` divides logits by its square root; `none` leaves them (T5, and the central paper).
        window: number of distances that are seen.
        over: what distances are counted in.
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
        require(window >= 1, f"attention.window={window}: allowed is 1 or more")
        self.window, self.over, self.reads = window, over, over == "positions"

    def hide(self, inputs: BlockInputs) -> Bool[Tensor, "#batch 1 query key"] | None:
        """What lies outside the window."""
        if self.over == "positions":
            return ((inputs.query.unsqueeze(-1) - inputs.key.unsqueeze(-2)).abs() >= self.window).unsqueeze(1)
        if inputs.key.shape[1] <= self.window:
            return None
        return (inputs.back >= self.window)[None, None]
