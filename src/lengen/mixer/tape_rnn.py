"""A recurrent cell with tapes on which it moves and writes (Deletang et al. 2022)."""

from __future__ import annotations

from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lengen.config.errors import require
from lengen.mixer import Layer
from lengen.mixer.memory_cell import Memory, MemoryCell
from lengen.mixer.parts import Map


class TapeRNN(MemoryCell):
    """The place under the head is written, then the tape moves by 0, -1, 1, -j or j places, as a mixture (Deletang et al. 2022, appendix A).

    In the source j is the length of the input, which the cell is told before it reads a token; here j is the number of tokens read so far,
    which at the end of a prompt is its length and reads nothing ahead, or a number of tokens. Values are a perceptron of h with two hidden layers. A tape is a
    ring; in the source it has a fixed number of places. Here it has one place more on either side with every token, those farthest from the
    head, so that no step to a neighbour leaves it and no two places meet. See `MemoryCell` for the cell.

    Args:
        layer: the layer that it is made for.
        size: numbers in the hidden state; None is the width of the residual stream.
        cell: numbers in a place of a tape.
        tapes: number of tapes.
        hidden: width of the hidden layers of the values.
        jump: j in tokens; None is the number of tokens read so far, the current one included.
        length: places of a tape, as in the source; None grows with tokens. A length below the longest tested one is a limit of its own.
    """

    actions = 5

    def __init__(
        self,
        layer: Layer,
        size: int | None = None,
        cell: int = 8,
        tapes: int = 1,
        hidden: int = 64,
        jump: int | None = None,
        length: int | None = None,
    ) -> None:
        require(hidden >= 1, f"mixer.hidden={hidden}: must be at least 1")
        require(jump is None or jump >= 1, f"mixer.jump={jump}: must be null, or at least 1")
        require(length is None or length >= 1, f"mixer.length={length}: must be null, or at least 1")
        require(
            jump is not None or length is None,
            f"mixer.jump={jump}: must be a number of tokens with mixer.length={length}, as a tape of a fixed length does not tell how many were read",
        )
        self.hidden = hidden
        super().__init__(layer, size, cell, tapes, "tapes")
        self.jump, self.length = jump, length
        self.growth = "linear" if length is None else "constant"

    def values(self) -> nn.Module:
        """See `MemoryCell`."""
        widths = [self.size, self.hidden, self.hidden, self.count * self.cell]
        maps = [Map(inputs, outputs, bias=True) for inputs, outputs in pairwise(widths)]
        return nn.Sequential(maps[0], nn.ReLU(), maps[1], nn.ReLU(), maps[2])

    def places(self, tokens: int) -> int:
        """See `MemoryCell`; the head, and one place on either side of every token."""
        return 2 * tokens + 1 if self.length is None else self.length

    def written(
        self,
        memory: Memory,
        value: Float[Tensor, "batch memories cell"],
        action: Float[Tensor, "batch memories action"],
    ) -> Float[Tensor, "batch memories more cell"]:
        """See `MemoryCell`; the actions are stay, left, right, jump left and jump right, in the order of the published code."""
        memory = torch.cat([value.unsqueeze(2), memory[:, :, 1:]], 2)
        jump = self.jump
        if self.length is None:
            reach = memory.shape[2] // 2 + 1  # the tokens read so far, this one included
            right, left = memory[:, :, :reach], memory[:, :, reach:]
            memory = torch.cat([right, torch.zeros_like(memory[:, :, :1]).expand(-1, -1, 2, -1), left], 2)
            jump = jump or reach
        assert jump is not None
        moved = [memory.roll(shift, 2) for shift in (0, -1, 1, -jump, jump)]
        weights = action[..., None, None].unbind(2)
        return torch.stack([weight * part for weight, part in zip(weights, moved, strict=True)]).sum(0)
