"""Half of the heads with linear biases, half without any position (Vasylenko et al. 2025, NAPE)."""

from __future__ import annotations

from typing import Literal

from lengen.block.inputs import Shape
from lengen.config.errors import require
from lengen.pe.alibi import ALiBi, harmonic


class NAPE(ALiBi):
    """-slope_h * distance for the first half of the heads (`ALiBi`), nothing for the others (`NoPE`).

    Nothing is learned; defined at every length: the first half keeps to what is near, the other sees all that is far.
    Of an odd number of heads the smaller half has slopes, as in the authors' code. They also scale the logits of the
    heads without positions with the length: that is an attention of its own. Attention with a bias mask: time and
    memory quadratic in tokens.

    Args:
        shape: the decoder it serves; has 2 heads or more.
        slopes: `linear` has 1/1, 1/2, 1/3, …; `geometric` has 1, 1/2, 1/4, … (`exp` in the authors' code).
    """

    def __init__(self, shape: Shape, slopes: Literal["linear", "geometric"] = "linear") -> None:
        require(
            shape.heads > 1,
            f"decoder.heads={shape.heads}: pe=nape gives half of them slopes; allowed is 2 or more",
        )
        steep = shape.heads // 2
        first = harmonic(steep) if slopes == "linear" else [2.0**-head for head in range(steep)]
        super().__init__(shape, first + [0.0] * (shape.heads - steep))
