"""A learned temperature per head (HeadScale; Wang et al. 2024)."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lengen.attention import AttentionRule
from lengen.block.inputs import BlockInputs, Shape, wide
from lengen.config.errors import require


class Temperature(AttentionRule):
    """softmax(lambda * q k + bias) v, with a learned lambda = f * scale per head, where f starts at `initial`.

    The paper freezes a trained decoder without positional encoding and learns only lambda at the longer length, starting
    at up to 1.6 and bounded below by 1 / sqrt(head_dim). Here the factors are trained with all other parameters. The lower
    bound is a straight-through clamp, which is ours: below the bound a factor has the value of the bound and still
    receives gradients. The bias of the encoding is not multiplied. The same at every length. Cost: fused attention, time
    quadratic and (without a bias) memory linear in tokens.

    Args:
        shape: the decoder's shape.
        scale: `head_dim` divides the logits by sqrt(head_dim); `none` does not (T5; Kazemnejad et al. 2023).
        initial: initial value of f in every head; 1 is softmax.
        lowest: lower bound of f (1 in the paper).
    """

    both_ways = True

    def __init__(
        self,
        shape: Shape,
        scale: Literal["head_dim", "none"] = "head_dim",
        initial: float = 1.0,
        lowest: float = 0.0,
    ) -> None:
        super().__init__(shape, scale)
        require(lowest >= 0, f"attention.lowest={lowest}: must be at least 0")
        require(
            initial > 0 and initial >= lowest,
            f"attention.initial={initial}: must be above 0 and at least attention.lowest={lowest}",
        )
        self.lowest = lowest
        self.factors = nn.Parameter(torch.full((shape.heads,), initial))

    def sharpen(self, inputs: BlockInputs) -> Float[Tensor, "heads 1 1"]:
        """F of each head, the same for all rows."""
        factors = wide(self.factors)
        bounded = factors + (factors.clamp(min=self.lowest) - factors).detach()
        return bounded.view(-1, 1, 1)
