"""SSMax: scalable softmax (Nakanishi 2025)."""

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
    """softmax(s ln n * scale * q k + bias) v, where n is the number of keys that the row sees and s is learned per head.

    n counts the row's own keys (published packages use that of the last row for all, which tells early rows how long the
    input is). The first row has ln 1 = 0 and a single key. The bias of the encoding is not multiplied, which is our
    interpretation. Beyond the trained length logits keep growing as ln n. Cost: fused attention, time quadratic and
    (without a bias) memory linear in tokens.

    Sources differ on the initial value of s: 0.43 in the paper's figure 1, 1 in tabicl. The default is about 1 / ln 64,
    so that the rule starts as softmax at 64 keys.

    Args:
        shape: the decoder's shape.
        scale: `head_dim` divides the logits by sqrt(head_dim); `none` does not (T5; Kazemnejad et al. 2023).
        initial: initial value of s in every head.
        bias: whether the factor is s ln n + b, with a learned b per head that starts at 0; better at trained lengths,
            worse beyond.
    """

    def __init__(
        self,
        shape: Shape,
        scale: Literal["head_dim", "none"] = "head_dim",
        initial: float = 0.24,
        bias: bool = False,
    ) -> None:
        super().__init__(shape, scale)
        require(initial > 0, f"attention.initial={initial}: must be above 0")
        self.slopes = nn.Parameter(torch.full((shape.heads,), initial))
        self.constants = nn.Parameter(torch.zeros(shape.heads)) if bias else None

    def sharpen(self, inputs: BlockInputs) -> Float[Tensor, "heads query 1"]:
        """S ln n, plus b if there is one."""
        factor = wide(self.slopes).view(-1, 1, 1) * counted(inputs).log()
        if self.constants is not None:
            factor = factor + wide(self.constants).view(-1, 1, 1)
        return factor
