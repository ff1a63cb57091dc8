"""ASEntmax: adaptive-scalable entmax (Vasylenko et al. 2025)."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import linear, pad, softplus

from lengen.attention.entmax import Entmax
from lengen.attention.log_n import counted
from lengen.block.inputs import BlockInputs, Shape, wide
from lengen.config.errors import require


class ASEntmax(Entmax):
    """Entmax of (delta + beta * ln(n + 1)^gamma) * scale * q k + bias, where n is the number of keys that the row sees.

    beta = softplus(w x) and gamma = reach * tanh(u x) are computed per token and head, in float32; x is the input of the
    block's attention. The bias of the encoding is not multiplied. The paper combines this with NAPE (ALiBi in the first
    half of the heads, no positions in the others) and scales the heads without positions only: `pe=nape` with
    `attention.heads=second_half`. w and u start near 0 (standard deviation 0.02, as in the authors' code), which gives
    beta near ln 2 and gamma near 0. Beyond the trained length logits grow or shrink as a learned power of ln n. Cost:
    explicit weights, time and memory quadratic in tokens.

    Args:
        shape: the decoder's shape.
        scale: `head_dim` divides the logits by sqrt(head_dim); `none` does not (T5; Kazemnejad et al. 2023).
        alpha: exponent of entmax, in (1, 2].
        delta: constant part of the factor.
        reach: bound on the absolute value of gamma.
        heads: which heads have a factor.
    """

    def __init__(
        self,
        shape: Shape,
        scale: Literal["head_dim", "none"] = "head_dim",
        alpha: float = 1.5,
        delta: float = 1.0,
        reach: float = 2.0,
        heads: Literal["all", "second_half"] = "all",
    ) -> None:
        super().__init__(shape, scale, alpha)
        require(delta >= 0, f"attention.delta={delta}: must be at least 0")
        require(reach >= 0, f"attention.reach={reach}: must be at least 0")
        self.delta, self.reach = delta, reach
        self.plain = 0 if heads == "all" else shape.heads // 2
        self.beta, self.gamma = (nn.Linear(shape.dim, shape.heads - self.plain, bias=False) for _ in range(2))
        for project in (self.beta, self.gamma):
            nn.init.normal_(project.weight, std=0.02)

    def sharpen(self, inputs: BlockInputs) -> Float[Tensor, "batch heads query 1"]:
        """The factor of each token and head; 1 in heads that have none."""
        with torch.autocast(inputs.x.device.type, enabled=False):
            beta, gamma = (
                linear(wide(inputs.x), wide(project.weight)).mT.unsqueeze(-1)
                for project in (self.beta, self.gamma)
            )
            logarithm = counted(inputs).log1p()
            factor = self.delta + softplus(beta) * logarithm ** (self.reach * gamma.tanh())
            return pad(factor, (0, 0, 0, 0, self.plain, 0), value=1.0)
