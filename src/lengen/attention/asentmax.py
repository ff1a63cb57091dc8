"""Adaptive-scalable entmax (Vasylenko et al. 2025)."""

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

    beta = softplus(w x) and gamma = reach * tanh(u x) are of each token and head; x is what the block reads. They are
    computed in float32. The paper adds NAPE, ALiBi in the first half of the heads and no positions in the others, and
    scales those alone: `pe=nape` with `attention.heads=second_half`. The bias of the encoding is not multiplied.
    Explicit weights: time and memory quadratic in tokens. Beyond the trained length logits grow, or shrink, as a learned power
    of ln n. w and u start near 0 (standard deviation 0.02, as in the source's code): beta near ln 2, gamma near 0.

    Args:
        shape: the decoder it serves.
        scale: `head_dim` divides logits by its square root; `none` leaves them (T5, and the central paper).
        alpha: above 1, up to 2.
        delta: what the factor is without the logarithm.
        reach: bound of gamma.
        heads: which heads have a factor; the others have none.
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
        require(delta >= 0, f"attention.delta={delta}: allowed is 0 or more")
        require(reach >= 0, f"attention.reach={reach}: allowed is 0 or more")
        self.delta, self.reach = delta, reach
        self.plain = 0 if heads == "all" else shape.heads // 2
        self.beta, self.gamma = (nn.Linear(shape.dim, shape.heads - self.plain, bias=False) for _ in range(2))
        for project in (self.beta, self.gamma):
            nn.init.normal_(project.weight, std=0.02)

    def sharpen(self, inputs: BlockInputs) -> Float[Tensor, "batch heads query 1"]:
        """The factor of each token and head; 1 in heads without."""
        with torch.autocast(inputs.x.device.type, enabled=False):
            beta, gamma = (
                linear(wide(inputs.x), wide(project.weight)).mT.unsqueeze(-1)
                for project in (self.beta, self.gamma)
            )
            logarithm = counted(inputs).log1p()
            factor = self.delta + softplus(beta) * logarithm ** (self.reach * gamma.tanh())
            return pad(factor, (0, 0, 0, 0, self.plain, 0), value=1.0)
