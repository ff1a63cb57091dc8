"""Rotary frequencies as the solution of a learned differential equation in the stretch (CLEX; Chen et al. 2024)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import torch
from jaxtyping import Float, Real
from torch import Tensor, nn

from lengen.config.errors import require
from lengen.decoder import Decoder
from lengen.extend import require_counts, require_pe
from lengen.extend.view import parts_of, view
from lengen.pe.rope import RoPE, rotations
from lengen.positions import Needs, Positions, start
from lengen.positions.contiguous import Contiguous
from lengen.sampling import largest
from lengen.task import Batch
from lengen.tuning import Base, Tuning

STEPS = 10
"""Steps of the fourth-order Runge-Kutta method from one whole stretch to the next (100 in the source)."""


class CLEX(Tuning):
    """Frequencies of stretch t solve d ln f/dt = W2 act(W1 (ln f + ln NTK(t))) + d ln NTK(t)/dt from t = 1 on, with W1 and W2 trained.

    NTK(t) are the frequencies of `extend=ntk` with a factor of 2t - 1. W2 starts at 0, so that before the first step a string of at most
    t times the trained tokens is read as by `extend=ntk` with that factor, and one of a trained length as by the run. Strings of trained
    lengths are trained, whose positions are a sorted draw from t times as many, with t uniform over 1 to `scales`; the source draws
    one t a step, here it is one an example. In evaluation t is the tokens of prompt and longest answer, divided by those of
    the longest trained example and rounded up, at most `scales`.

    Args:
        scales: largest t, at least 1 (16 in the source).
        width: columns of W1, as a multiple of the rotated channels, at least 1 (1 in the source).
        activation: `tanh` or `silu`.
        moves_only: `all` parameters, as in the source, or the `net` of W1 and W2 alone.
    """

    trains = ""
    steps = 200
    rate = 1e-3
    stretch = 1.0

    def __init__(
        self,
        scales: int = 4,
        width: int = 1,
        activation: Literal["tanh", "silu"] = "silu",
        moves_only: Literal["all", "net"] = "all",
    ) -> None:
        require(scales >= 1, f"tune.scales={scales}: must be at least 1")
        require(width >= 1, f"tune.width={width}: must be at least 1")
        self.scales, self.width, self.activation, self.moves_only = scales, width, activation, moves_only

    def check(self, decoder: Decoder, positions: Positions) -> None:
        """Rotations by positions counted from 0."""
        require_pe(parts_of(decoder, positions), [RoPE], "pe=rope")
        require_counts(positions)

    def record(self, record: Mapping[str, Any], base: Base) -> dict[str, Any]:
        """Positions with a stretch."""
        return {
            "positions": {
                "_target_": "lengen.tuning.clex.EnlargedPositions",
                "scales": self.scales,
                "trained": base.tokens,
            },
            "labels": {**record["labels"], "positions": "clex"},
        }

    def changed(self, decoder: Decoder, base: Base) -> Decoder:
        """Rotate by the frequencies of the equation."""
        parts = parts_of(decoder, Contiguous())
        assert isinstance(parts.pe, RoPE)
        return view(
            decoder, replace(parts, pe=ContinuousRoPE(parts.pe, self.scales, self.width, self.activation))
        )

    def found(self, decoder: Decoder) -> dict[str, Any]:
        """Frequencies at every t, in radians per position."""
        assert isinstance(decoder.pe, ContinuousRoPE)
        with torch.no_grad():
            return {"frequencies": decoder.pe.solved(self.scales).exp().tolist()}

    def moves(self, name: str) -> bool:
        """Whether a parameter is trained."""
        return self.moves_only == "all" or name.startswith("pe.")


class ContinuousRoPE(RoPE):
    """Rotary positions whose frequencies depend on the stretch, which each token has as its second position.

    The equation is solved for ln f - ln NTK, which is 0 at t = 1 and as long as W2 is, in float64. Keys are cached as rotated.

    Args:
        trained: the trained encoding.
        scales: largest stretch.
        width: columns of W1, as a multiple of the rotated channels.
        activation: `tanh` or `silu`.
    """

    streams: ClassVar[int | None] = 2
    whole: ClassVar[bool] = True

    def __init__(self, trained: RoPE, scales: int, width: int, activation: Literal["tanh", "silu"]) -> None:
        super().__init__(
            trained.shape, trained.base, trained.channels / trained.shape.head_dim, trained.pairing
        )
        self.scales, self.activation = scales, activation
        pairs, hidden = self.channels // 2, width * self.channels
        self.first = nn.Parameter(torch.empty(pairs, hidden))
        self.second = nn.Parameter(torch.zeros(hidden, pairs))
        nn.init.kaiming_uniform_(self.first, a=math.sqrt(5))

    def make_table(
        self, positions: Real[Tensor, "#batch time streams"]
    ) -> Float[Tensor, "2 #batch 1 time pair"]:
        """Cosine and sine of every position's angles, at the frequencies of its stretch."""
        place, stretch = positions[..., 0], positions[..., 1].long()
        solved = self.solved(self.scales if self.training else int(stretch.max()))
        frequency = solved.exp().float()[stretch - 1]
        return rotations(place.unsqueeze(-1), frequency).unsqueeze(2)

    def solved(self, longest: int) -> Float[Tensor, "stretch pair"]:
        """Return ln f in radians per position, at t = 1 to the longest stretch.

        Args:
            longest: at least 1.
        """
        device = self.first.device
        exact = torch.float32 if device.type == "mps" else torch.float64
        first, second = self.first.to(exact), self.second.to(exact)
        initial = self.frequencies(device).to(exact).log()
        exponent = torch.arange(len(initial), device=device, dtype=exact) * 2 / max(self.channels - 2, 1)
        act = torch.tanh if self.activation == "tanh" else nn.functional.silu

        def ntk(time: float) -> Tensor:
            return initial - exponent * math.log(2 * time - 1)

        def slope(time: float, difference: Tensor) -> Tensor:
            return act((difference + 2 * ntk(time)) @ first) @ second

        difference = torch.zeros_like(initial)
        found = [initial]
        for whole in range(1, longest):
            for part in range(STEPS):
                difference = runge_kutta(slope, whole + part / STEPS, difference, 1 / STEPS)
            found.append(ntk(whole + 1) + difference)
        return torch.stack(found)


def runge_kutta(slope: Callable[[float, Tensor], Tensor], time: float, value: Tensor, step: float) -> Tensor:
    """Return the value after one step of the classical fourth-order method.

    Args:
        slope: gives dv/dt of a time and a value.
        time: before the step.
        value: before the step.
        step: its size.
    """
    first = slope(time, value)
    second = slope(time + step / 2, value + step / 2 * first)
    third = slope(time + step / 2, value + step / 2 * second)
    fourth = slope(time + step, value + step * third)
    return value + step / 6 * (first + 2 * second + 2 * third + fourth)


@dataclass(frozen=True)
class EnlargedPositions(Positions):
    """The position of each token and, as a second one, the stretch t that it is read with, the same for all tokens of an example.

    In training t is uniform over 1 to `scales`. Of n tokens, of the prompt and the longest answer that it can have, the first is at 0, the last
    at t n - 1, and the others are a sorted draw of what lies between. In evaluation positions are indices, and t is n divided by
    `trained`, rounded up, at most `scales`.

    Args:
        scales: largest t, at least 1.
        trained: tokens of the longest trained example, at least 1.
    """

    needs: ClassVar[Needs] = "prompt"
    increasing: ClassVar[bool] = False
    streams: ClassVar[int | None] = 2
    scales: int
    trained: int

    def __post_init__(self) -> None:
        for name in ("scales", "trained"):
            require(getattr(self, name) >= 1, f"positions.{name}={getattr(self, name)}: must be at least 1")

    def __call__(
        self, batch: Batch, generator: torch.Generator, *, training: bool
    ) -> Real[Tensor, "batch time streams"]:
        """See `Positions`."""
        tokens, column = batch.extent, torch.arange(batch.time)
        if not training:
            stretch = self.stretch(tokens)
            return torch.stack([column.expand(len(batch), -1), stretch.expand(-1, batch.time)], -1)
        longest = int(tokens.max())
        require(
            longest <= self.trained,
            f"tune=clex: trains on trained lengths, of up to {self.trained} tokens, and these examples have {longest}; "
            "must be trained lengths, as with train_length=1x",
        )
        drawn, draw = torch.rand(
            (len(batch), 1 + self.scales * self.trained), generator=generator
        ).tensor_split([1], 1)
        stretch = 1 + start(drawn, self.scales - 1)
        room = stretch * tokens
        place = torch.arange(draw.shape[1])
        draw = draw.masked_fill((place == 0) | (place == room - 1), 2.0).masked_fill(place >= room, -1.0)
        chosen = largest(draw, longest).masked_fill(torch.arange(longest) >= tokens, draw.shape[1])
        inside = chosen.sort(1).values.gather(1, column.clamp(max=longest - 1).expand(len(batch), -1))
        positions = torch.where(column < tokens, inside, room - 1 + stretch * (column - tokens + 1))
        return torch.stack([positions, stretch.expand(-1, batch.time)], -1)

    def stretch(self, tokens: Tensor) -> Tensor:
        """Return t for a number of tokens."""
        return (-(-tokens // self.trained)).clamp(1, self.scales)

    def largest(self, batch: Batch, *, training: bool) -> int:
        """See `Positions`."""
        longest = int(batch.extent.max())
        return (self.scales if training else 1) * longest - 1
