"""Mixers: what a block mixes tokens with. Attention is one.

A mixer is a subclass of `Mixer`, made once for every layer. Most carry a state from token to token, of constant size unless they say otherwise
(`growth`), and are subclasses of `Recurrent`, which read all tokens at once in training, and token by token in decoding, with equal numbers:

    >>> class Mean(Recurrent):
    ...     cost = "scan"
    ...     def mix(self, x, state):
    ...         total, count = (0, 0) if state is None else state
    ...         total, count = total + x.cumsum(1), count + torch.ones_like(x).cumsum(1)
    ...         return total / count, (total[:, -1:], count[:, -1:])

Positional encodings that are added to the embeddings reach every mixer; rotations and biases reach attention alone.
`lengen.testing.check_mixer` tests a class against this contract.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from lengen.attention import AttentionRule
from lengen.block.hooks import HookedModule
from lengen.block.inputs import Shape
from lengen.block.shared import SharedInputs

if TYPE_CHECKING:
    from lengen.mixer.sums import Sums
    from lengen.pe import PositionalEncoding


@dataclass(frozen=True)
class Layer:
    """The layer that a mixer is made for.

    Args:
        shape: the decoder's shape.
        index: of the layer, 0 to `shape.layers` - 1.
        attention: builds attention rules, for a mixer that attends.
    """

    shape: Shape
    index: int
    attention: Callable[[Shape], AttentionRule]


Growth = Literal["constant", "log", "linear"]
"""How the numbers that a mixer keeps of an example grow with its tokens."""


class Mixer(HookedModule):
    """What a block mixes tokens with."""

    hooks: ClassVar[tuple[str, ...]] = ("forward",)
    revision: ClassVar[int] = 1
    """Raised by every change to what the class computes or draws; part of a cell's identity."""

    name: ClassVar[str] = "mixer"
    """Name of the submodule in its block, and so part of the names of its parameters."""
    cost: ClassVar[str]
    """Time by tokens of a pass over all of them: `quadratic`, `chunks` (matrix products within chunks, and a state between them),
    `scan` (passes over the tokens, of all chunks at once), `tree` (2 log2 T levels, of fewer tokens each), `fft` (log2 T passes of Fourier transforms) or
    `loop` (one token after the other)."""
    growth: Growth = "linear"
    """How `state_size` grows with tokens; a class whose options decide it sets it in its constructor."""

    @abstractmethod
    def forward(
        self,
        x: Float[Tensor, "batch time dim"],
        pe: PositionalEncoding,
        shared: SharedInputs,
        slot: tuple[int, int],
        first: int = 0,
    ) -> Float[Tensor, "batch wanted dim"]:
        """Return what is added to the residual stream for the new tokens from column `first` on, which may be their number.

        Args:
            x: the normalised input of the block, of the new tokens.
            pe: the positional encoding.
            shared: what all blocks share; `shared.inputs` gives the cache of this one.
            slot: index of the loop, and of the block within it.
            first: column of the first token that is wanted.
        """

    @abstractmethod
    def state_size(self, tokens: int) -> int:
        """Return how many numbers are kept of an example after some tokens."""


State = tuple[Tensor, ...]
"""State of a recurrent mixer after some tokens: a fixed number of tensors with the examples as first axis, of sizes that no number of tokens
changes where `growth` is `constant`."""


class Recurrent(Mixer):
    """A mixer that carries a state from token to token, of constant size unless it says otherwise; it reads no positions.

    State and sums over time are float32, or float64 where parameters are, also under autocast to another type (`exact`).
    """

    hooks = ("forward", "mix")
    growth: Growth = "constant"
    sums: Sums | None = None
    """The recurrence of a mixer that keeps a sum with positive decays, which extensions may replace; None if there is no such one."""

    @abstractmethod
    def mix(
        self, x: Float[Tensor, "batch time dim"], state: State | None
    ) -> tuple[Float[Tensor, "batch time dim"], State]:
        """Return what is added to the residual stream, and the state after the last token.

        Tokens may be all of an example, some of them, or one: the results are equal. No result depends on later tokens.

        Args:
            x: the normalised input of the block, of the new tokens, at least one.
            state: the state before them; None at the start of an example.
        """

    def forward(
        self,
        x: Float[Tensor, "batch time dim"],
        pe: PositionalEncoding,
        shared: SharedInputs,
        slot: tuple[int, int],
        first: int = 0,
    ) -> Float[Tensor, "batch wanted dim"]:
        """See `Mixer`; all tokens are read, as each changes the state."""
        cache = shared.inputs(x, slot).cache
        known = list[Tensor]()
        while (part := cache.get(f"state {len(known)}")) is not None:
            known.append(part)
        mixed, state = self.mix(x, tuple(known) or None)
        for index, part in enumerate(state):
            cache.put(f"state {index}", part)
        return mixed[:, first:]

    def state_size(self, tokens: int) -> int:
        """See `Mixer`: the numbers in the state after one token; where `growth` is not `constant`, after all of them."""
        read = 1 if self.growth == "constant" else tokens
        weight = next(self.parameters(), torch.zeros(()))
        with torch.no_grad():
            _, state = self.mix(weight.new_zeros(1, read, self.dim), None)
        return sum(part.numel() for part in state)

    def __init__(self, layer: Layer) -> None:
        super().__init__()
        self.dim = layer.shape.dim


def exact(x: Tensor) -> AbstractContextManager[Any]:
    """Turn autocast off where a tensor is, for sums over time; cast what enters them with `lengen.block.inputs.wide`."""
    return torch.autocast(x.device.type, enabled=False)
