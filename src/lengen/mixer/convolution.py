"""A short causal convolution alone, for what needs no more than the last tokens (Arora et al. 2023)."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from lengen.block.inputs import wide
from lengen.config.errors import require
from lengen.mixer import Layer, Recurrent, State, exact
from lengen.mixer.parts import ShortConv


class Convolution(Recurrent):
    """(W x) times a causal convolution of every channel over `kernel` tokens, and a projection (BaseConv of Arora et al. 2023, section 4).

    A block sees no further back than kernel - 1 tokens: what a deeper mixer adds to it is what it remembers.

    Args:
        layer: the layer that it is made for.
        kernel: number of tokens, the token itself and those before it.
        gate: whether W x multiplies the convolution.
    """

    cost = "chunks"

    def __init__(self, layer: Layer, kernel: int = 4, gate: bool = True) -> None:
        super().__init__(layer)
        require(kernel >= 2, f"mixer.kernel={kernel}: must be at least 2")  # noqa: PLR2004
        self.gate = nn.Linear(self.dim, self.dim, bias=False) if gate else None
        self.conv = ShortConv(self.dim, kernel, bias=True, active=False)
        self.out = nn.Linear(self.dim, self.dim, bias=False)

    def mix(
        self, x: Float[Tensor, "batch time dim"], state: State | None
    ) -> tuple[Float[Tensor, "batch time dim"], State]:
        """See `Recurrent`; the state is the last inputs."""
        gate = None if self.gate is None else self.gate(x)
        with exact(x):
            mixed, tail = self.conv(wide(x), None if state is None else state[0])
            mixed = mixed if gate is None else mixed * wide(gate)
        out: Tensor = self.out(mixed.to(x.dtype))
        return out, (tail,)
