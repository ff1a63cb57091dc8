"""Whole wavelengths (Resonance RoPE; Wang et al. 2024)."""

from __future__ import annotations

import math

from jaxtyping import Float
from torch import Tensor

from lengen.extend import Sizes
from lengen.extend.frequencies import Frequencies
from lengen.pe.rope import RoPE


class Resonance(Frequencies):
    """Round every wavelength to whole tokens, so that pairs whose wavelength was trained meet no new angle beyond it.

    The source trains with these frequencies. Applied afterwards, the highest ones drift by about 0.05 radians a token.
    """

    def frequencies(
        self, trained: Float[Tensor, " pair"], rope: RoPE, sizes: Sizes
    ) -> Float[Tensor, " pair"]:
        """2 pi divided by the rounded wavelength."""
        return 2 * math.pi / (2 * math.pi / trained).round()
