"""Stick-breaking attention (Tan et al. 2024)."""

from __future__ import annotations

from typing import Literal

import torch
from torch.nn.functional import logsigmoid, pad

from lengen.attention import AttentionRule
from lengen.block.inputs import BlockInputs, Logits, Shape


class StickBreaking(AttentionRule):
    """A_ij = sigmoid(z_ij) * product over j < m < i of (1 - sigmoid(z_im)): each key, from the nearest on, breaks a stick.

    z are the scaled logits with the encoding's bias; the rule knows the order by itself and needs no encoding. A token
    has no weight on itself but for what is left of the stick, so that weights sum to 1; without the remainder they sum
    to less, and the first token mixes nothing (0). Logarithms and their sums are in float32. Explicit weights: time and
    memory quadratic in tokens. Beyond the trained length the same, by design: keys behind one that is certain are not
    seen.

    Args:
        shape: the decoder it serves.
        scale: `head_dim` divides logits by its square root; `none` leaves them (T5, and the central paper).
        remainder: whether what is left of the stick is the weight of the token itself.
        current: whether the token itself breaks the stick too, as the first.
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
        """Products as sums of logarithms from the nearest key to the farthest."""
        own = inputs.back == 0
        if not self.current:
            logits = logits.masked_fill(own, -torch.inf)
        left = logsigmoid(-logits)  # in logarithms, of the stick behind each key; 0 where a key is not seen
        nearer = pad(left[..., 1:], (0, 1)).flip(-1).cumsum(-1).flip(-1)
        weights = (logsigmoid(logits) + nearer).exp()
        return weights + left.sum(-1, keepdim=True).exp() * own if self.remainder else weights
