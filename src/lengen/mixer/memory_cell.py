"""A recurrent cell beside a memory that it writes by weighted actions, one token after the other."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lengen.block.inputs import wide
from lengen.config.errors import require
from lengen.mixer import Layer, Recurrent, State, exact
from lengen.mixer.parts import Map

Memory = Float[Tensor, "batch memories place cell"]
"""What memories hold; the place that is read and written is the first."""


class MemoryCell(Recurrent):
    """h' = tanh(W x + U [h; what is read] + b); h' gives the values that are written, and an action of every memory as a softmax over all.

    The frame of Deletang et al. (2022, appendix A): the first place of every memory is read before it is written, and h' is projected. The
    published cell is a ReLU in place of tanh, under which h may grow with tokens. Each memory has a softmax of its own; in
    the published code all stacks share one, so that more stacks would each move less.

    Args:
        layer: the layer that it is made for.
        size: numbers in h; None is the width of the residual stream.
        cell: numbers in a place.
        count: number of memories.
        named: option with their number, for messages.
    """

    cost = "loop"
    actions: ClassVar[int]
    """Number of actions."""

    def __init__(self, layer: Layer, size: int | None, cell: int, count: int, named: str) -> None:
        super().__init__(layer)
        require(size is None or size >= 1, f"mixer.size={size}: must be null, or at least 1")
        require(cell >= 1, f"mixer.cell={cell}: must be at least 1")
        require(count >= 1, f"mixer.{named}={count}: must be at least 1")
        self.size, self.cell, self.count = size or self.dim, cell, count
        self.into = nn.Linear(self.dim, self.size, bias=False)
        self.back = Map(self.size + count * cell, self.size, bias=True, bound=self.size**-0.5)
        self.value = self.values()
        self.action = Map(self.size, count * self.actions, bias=True)
        self.out = nn.Linear(self.size, self.dim, bias=False)

    def values(self) -> nn.Module:
        """Make the map from h to the values of all memories."""
        return Map(self.size, self.count * self.cell, bias=True)

    @abstractmethod
    def places(self, tokens: int) -> int:
        """Return the places of a memory after some tokens."""

    @abstractmethod
    def written(
        self,
        memory: Memory,
        value: Float[Tensor, "batch memories cell"],
        action: Float[Tensor, "batch memories action"],
    ) -> Float[Tensor, "batch memories more cell"]:
        """Return the memories after a token.

        Args:
            memory: the memories before it.
            value: what is written.
            action: weights of the actions, which sum to 1.
        """

    def mix(
        self, x: Float[Tensor, "batch time dim"], state: State | None
    ) -> tuple[Float[Tensor, "batch time dim"], State]:
        """See `Recurrent`; the state is h and the memories."""
        given = self.into(x)
        with exact(x):
            given = wide(given)
            if state is None:
                hidden = torch.zeros_like(given[:, 0])
                memory = given.new_zeros(len(given), self.count, self.places(0), self.cell)
            else:
                hidden, memory = state
            found = []
            for step in given.unbind(1):
                read = memory[:, :, :1].sum(2).flatten(1)  # an empty memory reads as 0
                hidden = torch.tanh(step + self.back(torch.cat([hidden, read], -1)))
                found.append(hidden)
                value = self.value(hidden).view(-1, self.count, self.cell)
                action = self.action(hidden).view(-1, self.count, self.actions).softmax(-1)
                memory = self.written(memory, value, action)
            mixed = torch.stack(found, 1)
        out: Tensor = self.out(mixed.to(x.dtype))
        return out, (hidden, memory)

    def state_size(self, tokens: int) -> int:
        """See `Mixer`."""
        return self.size + self.count * self.cell * self.places(tokens)
