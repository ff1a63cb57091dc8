"""Scalable softmax (Nakanishi 2025)."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lengen.attention import AttentionRule
from lengen.attention.log_n import counted
from lengen.block.inputs import BlockInputs, Shape, wide
from lengen.config.errors import require


class SSMax(AttentionRule):
    """softmax(s ln n * scale * q k + bias) v, where n is the number of keys that the row sees and s is learned, one a head.

    n counts the row's own keys (the packages take that of the last row for all, which lets early rows see how long the
    input is). The first row has ln 1 = 0 and one key. The bias of the encoding is not multiplied, which is our reading.
    Fused: time quadratic, memory linear in tokens without a bias. Beyond the trained length logits go on growing as ln
    n.

    Where s starts is not established: the paper's figure 1 has 0.43, tabicl 1. The default is about 1 / ln 64: at 64
    keys the rule starts as softmax.

    Args:
        shape: the decoder it serves.
        scale: `head_dim` divides logits by its square root; `none` leaves them (T5, and the central paper).
        initial: where s starts in every head.
        bias: whether the factor is s ln n + b, with a b a head that starts at 0: better in training, worse beyond it.
    """

    def __init__(
        self,
        shape: Shape,
        scale: Literal["head_dim", "none"] = "head_dim",
        initial: float = 0.24,
        bias: bool = False,
    ) -> None:
        super().__init__(shape, scale)
        require(initial > 0, f"attention.initial={initial}: allowed is above 0")
        self.slopes = nn.Parameter(torch.full((shape.heads,), initial))
        self.constants = nn.Parameter(torch.zeros(shape.heads)) if bias else None

    def sharpen(self, inputs: BlockInputs) -> Float[Tensor, "heads query 1"]:
        """The logarithm of the row's keys times s, plus b."""
        factor = wide(self.slopes).view(-1, 1, 1) * counted(inputs).log()
        if self.constants is not None:
            factor = factor + wide(self.constants).view(-1, 1, 1)
        return factor
