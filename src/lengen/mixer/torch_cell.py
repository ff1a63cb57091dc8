"""The recurrent cells of torch, and a projection of their outputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor, nn

from lengen.block.inputs import wide
from lengen.config.errors import require
from lengen.mixer import Layer, Recurrent, State, exact


class TorchCell(Recurrent):
    """A recurrent layer of torch, all time steps in one call, and a linear map of its outputs.

    Args:
        layer: the layer that it is made for.
        size: numbers in the hidden state; None is the width of the residual stream.
    """

    cost = "loop"
    cell: ClassVar[Callable[..., nn.RNNBase]]
    """The class in torch."""

    def __init__(self, layer: Layer, size: int | None = None) -> None:
        super().__init__(layer)
        require(size is None or size >= 1, f"mixer.size={size}: must be null, or at least 1")
        self.cells = type(self).cell(self.dim, size or self.dim, batch_first=True)
        self.out = nn.Linear(size or self.dim, self.dim, bias=False)

    def mix(
        self, x: Float[Tensor, "batch time dim"], state: State | None
    ) -> tuple[Float[Tensor, "batch time dim"], State]:
        """See `Recurrent`."""
        with exact(x):
            given = None if state is None else tuple(part.transpose(0, 1).contiguous() for part in state)
            hidden, after = self.cells(wide(x), given[0] if given and len(given) == 1 else given)
        kept = after if isinstance(after, tuple) else (after,)
        out: Tensor = self.out(hidden)
        return out, tuple(part.transpose(0, 1) for part in kept)
