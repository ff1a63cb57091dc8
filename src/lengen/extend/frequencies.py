"""Other frequencies for trained rotary positions; base class of the extensions that choose them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, ClassVar

import torch
from jaxtyping import Float, Real
from torch import Tensor

from lengen.block.inputs import BlockInputs
from lengen.extend import Extension, Fit, Parts, Sizes, require_pe
from lengen.pe import PositionalEncoding
from lengen.pe.carope import CARoPE
from lengen.pe.comrope import ComRoPE
from lengen.pe.rope import RoPE
from lengen.pe.xpos import XPos


class ChangedRoPE(RoPE):
    """Trained rotary positions with other frequencies.

    Args:
        trained: the trained encoding.
        frequency: radians per position of every pair, in place of its own.
        factor: factor on cosines and sines, so that products of rotated channels are multiplied by its square.
    """

    def __init__(self, trained: RoPE, frequency: Float[Tensor, " pair"], factor: float = 1.0) -> None:
        super().__init__(
            trained.shape, trained.base, trained.channels / trained.shape.head_dim, trained.pairing
        )
        self.frequency, self.factor = frequency, factor

    def frequencies(self, device: torch.device) -> Float[Tensor, " pair"]:
        """See `RoPE`."""
        return self.frequency.to(device)

    def make_table(self, positions: Real[Tensor, "#batch time"]) -> Float[Tensor, "2 #batch 1 time pair"]:
        """See `RoPE`."""
        table: Tensor = super().make_table(positions)
        return table * self.factor


class ChangedXPos(XPos):
    """Trained xPos with other frequencies; its decay with distance stays.

    Args:
        trained: the trained encoding.
        frequency: radians per position of every pair, in place of its own.
    """

    def __init__(self, trained: XPos, frequency: Float[Tensor, " pair"]) -> None:
        fraction = trained.channels / trained.shape.head_dim
        decay = (trained.gamma, trained.scale_base, trained.centre)
        super().__init__(trained.shape, trained.base, fraction, trained.pairing, *decay)
        self.frequency = frequency

    def frequencies(self, device: torch.device) -> Float[Tensor, " pair"]:
        """See `RoPE`."""
        return self.frequency.to(device)


class ChangedCARoPE(CARoPE):
    """Trained content-dependent frequencies, each multiplied by a factor.

    Args:
        trained: the trained encoding.
        factor: of every pair.
    """

    def __init__(self, trained: CARoPE, factor: Float[Tensor, " pair"]) -> None:
        PositionalEncoding.__init__(self, trained.shape)
        self.rope, self.gate, self.factor = trained.rope, trained.gate, factor

    def phases(self, inputs: BlockInputs) -> Float[Tensor, "batch heads time pair"]:
        """See `CARoPE`; the cache has the phases of the trained encoding."""
        phases: Tensor = super().phases(inputs)
        return phases * self.factor.to(phases)


class ChangedComRoPE(ComRoPE):
    """Trained learned frequencies, each multiplied by a factor.

    Args:
        trained: the trained encoding.
        factor: of every pair, the same for all heads.
    """

    def __init__(self, trained: ComRoPE, factor: Float[Tensor, " pair"]) -> None:
        RoPE.__init__(self, trained.shape, trained.base, pairing="interleaved")
        self.log_frequency, self.mixing, self.factor = trained.log_frequency, trained.mixing, factor

    def learned_frequencies(self) -> Float[Tensor, "row heads pair"]:
        """See `ComRoPE`."""
        trained = super().learned_frequencies()
        return trained * self.factor.to(trained)


class Frequencies(Extension):
    """Base class of extensions that choose other frequencies for trained rotary positions.

    Those of `FORMS` are refused unless the class sets `all_forms`. Frequencies that depend on the content or were learned are multiplied, pair
    by pair, by what the extension makes of the initial ones.
    """

    slot = "frequencies"
    all_forms: ClassVar[bool] = False
    """Whether it is tried on the encodings of `FORMS` as well."""

    def fit(self, parts: Parts) -> Fit:
        """Exact for `pe=rope`, ours for other encodings that rotate."""
        if self.all_forms:
            require_pe(parts, [RoPE, *FORMS], "pe=rope, xpos, carope or comrope")
        else:
            require_pe(parts, [RoPE], "pe=rope")
        return "exact" if type(parts.pe) is RoPE else "approximate"

    def changed(self, parts: Parts, sizes: Sizes) -> Parts:
        """Rotate by the other frequencies."""
        rope = parts.pe.rope if isinstance(parts.pe, CARoPE) else parts.pe
        assert isinstance(rope, RoPE)
        trained = rope.frequencies(torch.device("cpu"))
        frequency = self.frequencies(trained.double(), rope, sizes).to(trained.dtype)
        initial = of_base(rope, rope.base)  # in float64, so that a factor of 1 is exactly 1
        form = FORMS.get(type(parts.pe))
        pe = (
            form(parts.pe, frequency, self.frequencies(initial, rope, sizes) / initial)
            if form
            else ChangedRoPE(rope, frequency, self.factor_on_rotations(sizes))
        )
        return replace(parts, pe=pe)

    @abstractmethod
    def frequencies(
        self, trained: Float[Tensor, " pair"], rope: RoPE, sizes: Sizes
    ) -> Float[Tensor, " pair"]:
        """Return radians per position of every pair, in float64.

        Args:
            trained: those of the trained encoding, from the highest to the lowest.
            rope: the trained encoding.
            sizes: lengths in tokens.
        """

    def factor_on_rotations(self, sizes: Sizes) -> float:
        """Return the factor on cosines and sines."""
        return 1.0


FORMS: Mapping[type[PositionalEncoding], Callable[[Any, Tensor, Tensor], PositionalEncoding]] = {
    XPos: lambda trained, frequency, _: ChangedXPos(trained, frequency),
    CARoPE: lambda trained, _, factor: ChangedCARoPE(trained, factor),
    ComRoPE: lambda trained, _, factor: ChangedComRoPE(trained, factor),
}
"""Encodings other than `rope` that rotate: from the trained one, the other frequencies, and these divided by the initial ones."""


def of_base(rope: RoPE, base: float) -> Float[Tensor, " pair"]:
    """Return base^(-2c/r), in radians per position, in float64.

    Args:
        rope: has r rotated channels.
        base: sets the lowest frequency.
    """
    return base ** (-torch.arange(0, rope.channels, 2, dtype=torch.float64) / rope.channels)
