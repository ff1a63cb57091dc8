"""NAPE: linear biases in half of the heads, no positions in the others (Vasylenko et al. 2025)."""

from __future__ import annotations

from typing import Literal

from lengen.block.inputs import Shape
from lengen.config.errors import require
from lengen.pe.alibi import ALiBi, harmonic


class NAPE(ALiBi):
    """-slope_h * distance for the first half of the heads (`ALiBi`), nothing for the others (`NoPE`).

    Nothing is learned; defined at every length. Heads with slopes attend to near tokens; the others treat all distances
    alike. With an odd number of heads the smaller half has slopes, as in the authors' code. The authors also scale the
    logits of the heads without positions by the length; that is `attention=asentmax`. Cost: attention with a bias mask,
    time and memory quadratic in tokens.

    Args:
        shape: the decoder's shape, with at least 2 heads.
        slopes: `linear` is 1/1, 1/2, 1/3, …; `geometric` is 1, 1/2, 1/4, … (`exp` in the authors' code).
    """

    both_ways = True

    def __init__(self, shape: Shape, slopes: Literal["linear", "geometric"] = "linear") -> None:
        require(
            shape.heads > 1,
            f"decoder.heads={shape.heads}: must be at least 2 for pe=nape, which gives slopes to half of them",
        )
        biased = shape.heads // 2
        first = harmonic(biased) if slopes == "linear" else [2.0**-head for head in range(biased)]
        super().__init__(shape, first + [0.0] * (shape.heads - biased))
