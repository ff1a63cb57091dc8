"""A larger base, which leaves the highest frequency as it is (NTK-aware scaling; bloc97 2023)."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from lengen.config.errors import require
from lengen.extend import Sizes
from lengen.extend.frequencies import Frequencies, of_base
from lengen.extend.stretched import Stretched
from lengen.pe.rope import RoPE


class NTK(Stretched, Frequencies):
    """base * s^(r / (r - 2)), with r rotated channels: the lowest frequency is divided by s, the highest stays.

    Frequencies between them are divided by less than s, so that the reach is shorter than s says.

    Args:
        factor: s, at least 1; None takes the evaluated number of tokens divided by the trained one.
    """

    all_forms = True

    def __init__(self, factor: float | None = None) -> None:
        require(factor is None or factor >= 1, f"extend.ntk.factor={factor}: must be null, or at least 1")
        self.factor = factor

    def frequencies(
        self, trained: Float[Tensor, " pair"], rope: RoPE, sizes: Sizes
    ) -> Float[Tensor, " pair"]:
        """Those of the larger base."""
        return of_base(rope, grown(rope, self.stretch(sizes)))


def grown(rope: RoPE, factor: float) -> float:
    """Return the base at which the lowest frequency is divided by a factor; with a single pair, which has none but the highest, the base.

    >>> from lengen.block.inputs import Shape
    >>> rope = RoPE(Shape(dim=16, heads=1))
    >>> round(grown(rope, 2.0) ** (-14 / 16) / 10000.0 ** (-14 / 16), 6)
    0.5
    """
    channels = rope.channels
    return rope.base * factor ** (channels / (channels - 2)) if channels > 2 else rope.base  # noqa: PLR2004
