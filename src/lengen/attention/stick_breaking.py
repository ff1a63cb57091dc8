"""Stick-breaking attention (Tan et al. 2024)."""

from __future__ import annotations

from typing import Literal

import torch
from torch.nn.functional import logsigmoid, pad

from lengen.attention import AttentionRule
from lengen.block.inputs import BlockInputs, Logits, Shape


class StickBreaking(AttentionRule):
    """A_ij = sigmoid(z_ij) * product over j < m < i of (1 - sigmoid(z_im)): keys break off a stick, the nearest first.

    z are the scaled logits with the encoding's bias. The rule depends on the order of tokens and needs no encoding. The
    weight of the token itself is what is left of the stick, so that weights sum to 1; without the remainder they sum to
    less, and the output of the first token is 0. Logarithms and their sums are in float32. Designed to do the same beyond
    the trained length: keys behind one with a sigmoid near 1 get almost no weight. Cost: explicit weights, time and memory
    quadratic in tokens.

    Args:
        shape: the decoder's shape.
        scale: `head_dim` divides the logits by sqrt(head_dim); `none` does not (T5; Kazemnejad et al. 2023).
        remainder: whether the token itself gets what is left of the stick.
        current: whether the token itself breaks off a part too, as the nearest key.
    """

    fused = False

    def __init__(
        self,
        shape: Shape,
        scale: Literal["head_dim", "none"] = "head_dim",
        remainder: bool = True,
        current: bool = False,
    ) -> None:
        super().__init__(shape, scale)
        self.remainder, self.current = remainder, current
        self.sparse = not (remainder or current)

    def normalise(self, logits: Logits, inputs: BlockInputs) -> Logits:
        """Stick-breaking weights; products are sums of logarithms, from the nearest key to the farthest."""
        own = inputs.back == 0
        if not self.current:
            logits = logits.masked_fill(own, -torch.inf)
        left = logsigmoid(-logits)  # log of the fraction that each key leaves; 0 at masked keys
        nearer = pad(left[..., 1:], (0, 1)).flip(-1).cumsum(-1).flip(-1)
        weights = (logsigmoid(logits) + nearer).exp()
        return weights + left.sum(-1, keepdim=True).exp() * own if self.remainder else weights
