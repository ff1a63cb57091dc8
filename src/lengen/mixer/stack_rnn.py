"""A recurrent cell with stacks that it pushes to and pops from (Joulin and Mikolov 2015; Deletang et al. 2022)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lengen.config.errors import require
from lengen.mixer import Layer
from lengen.mixer.memory_cell import Memory, MemoryCell


class StackRNN(MemoryCell):
    """S'[0] = push v + pop S[1] + keep S[0], S'[i] = push S[i-1] + pop S[i+1] + keep S[i], zeros below (Deletang et al. 2022, appendix A).

    The actions are a softmax: a stack is the mixture of what all actions leave. See `MemoryCell` for the cell.

    Args:
        layer: the layer that it is made for.
        size: numbers in the hidden state; None is the width of the residual stream.
        cell: numbers in a place of a stack.
        stacks: number of stacks.
        depth: places of a stack; None has as many as tokens, so that nothing is lost, and a state that grows with tokens. What is pushed
            below the last place is lost: a depth below the longest tested length is a limit of its own.
    """

    actions = 3

    def __init__(
        self,
        layer: Layer,
        size: int | None = None,
        cell: int = 8,
        stacks: int = 1,
        depth: int | None = None,
    ) -> None:
        require(depth is None or depth >= 1, f"mixer.depth={depth}: must be null, or at least 1")
        super().__init__(layer, size, cell, stacks, "stacks")
        self.depth = depth
        self.growth = "linear" if depth is None else "constant"

    def places(self, tokens: int) -> int:
        """See `MemoryCell`."""
        return tokens if self.depth is None else self.depth

    def written(
        self,
        memory: Memory,
        value: Float[Tensor, "batch memories cell"],
        action: Float[Tensor, "batch memories action"],
    ) -> Float[Tensor, "batch memories more cell"]:
        """See `MemoryCell`; the actions are push, pop and keep, in the order of the published code."""
        push, pop, keep = action[..., None, None].unbind(2)
        pushed = torch.cat([value.unsqueeze(2), memory], 2)
        more = pushed.shape[2]
        popped, kept = (
            nn.functional.pad(part, (0, 0, 0, more - part.shape[2])) for part in (memory[:, :, 1:], memory)
        )
        return (push * pushed + pop * popped + keep * kept)[:, :, : self.depth]
