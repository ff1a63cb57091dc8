"""Other frequencies for trained rotary positions; base class of the extensions that choose them."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace

import torch
from jaxtyping import Float, Real
from torch import Tensor

from lengen.extend import Extension, Fit, Parts, Sizes, require_pe
from lengen.pe.rope import RoPE


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


class Frequencies(Extension):
    """Base class of extensions that choose other frequencies for trained rotary positions."""

    slot = "frequencies"

    def fit(self, parts: Parts) -> Fit:
        """Exact for `pe=rope`; no other encoding has these frequencies."""
        require_pe(parts, [RoPE], "pe=rope")
        return "exact"

    def changed(self, parts: Parts, sizes: Sizes) -> Parts:
        """Rotate by the other frequencies."""
        assert isinstance(parts.pe, RoPE)
        trained = parts.pe.frequencies(torch.device("cpu"))
        frequency = self.frequencies(trained.double(), parts.pe, sizes).to(trained.dtype)
        return replace(parts, pe=ChangedRoPE(parts.pe, frequency, self.factor_on_rotations(sizes)))

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


def of_base(rope: RoPE, base: float) -> Float[Tensor, " pair"]:
    """Return base^(-2c/r), in radians per position, in float64.

    Args:
        rope: has r rotated channels.
        base: sets the lowest frequency.
    """
    return base ** (-torch.arange(0, rope.channels, 2, dtype=torch.float64) / rope.channels)
