"""A learned temperature a head (HeadScale: Wang et al. 2024)."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lengen.attention import AttentionRule
from lengen.block.inputs import BlockInputs, Shape, wide
from lengen.config.errors import require


class Temperature(AttentionRule):
    """softmax(lambda * q k + bias) v, with a learned lambda a head: f * scale, where f starts at `initial`.

    The paper freezes a trained decoder without positions and learns lambda alone at the longer length, from up to 1.6 and
    not below 1 / sqrt(head_dim); here the factors are learned with everything else, unless the training freezes the rest.
    The bound is our straight-through clamp: below it a factor acts as the bound and still learns. The bias of the
    encoding is not multiplied. Fused: time quadratic, memory linear in tokens without a bias. The same at every length.

    Args:
        shape: the decoder it serves.
        scale: `head_dim` divides logits by its square root; `none` leaves them (T5, and the central paper).
        initial: where f starts in every head; 1 is softmax.
        lowest: f is not let below this (1 in the paper).
    """

    def __init__(
        self,
        shape: Shape,
        scale: Literal["head_dim", "none"] = "head_dim",
        initial: float = 1.0,
        lowest: float = 0.0,
    ) -> None:
        super().__init__(shape, scale)
        require(lowest >= 0, f"attention.lowest={lowest}: allowed is 0 or more")
        require(
            initial > 0 and initial >= lowest,
            f"attention.initial={initial}: allowed is above 0, from attention.lowest={lowest} up",
        )
        self.lowest = lowest
        self.factors = nn.Parameter(torch.full((shape.heads,), initial))

    def sharpen(self, inputs: BlockInputs) -> Float[Tensor, "heads 1 1"]:
        """The head's factor, the same for all rows."""
        factors = wide(self.factors)
        bounded = factors + (factors.clamp(min=self.lowest) - factors).detach()
        return bounded.view(-1, 1, 1)
