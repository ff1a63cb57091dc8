"""Minimal gated recurrent unit, whose gates do not read the hidden state (Feng et al. 2024)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lengen.block.inputs import wide
from lengen.config.errors import require
from lengen.mixer import Layer, Recurrent, State, exact
from lengen.mixer.scan import scan


class MinGRU(Recurrent):
    """h' = (1 - z) h + z g(W x) with z = sigmoid(W_z x), from h = 0 (Feng et al. 2024, section 3.1 and appendix B.2).

    The paper has this map alone, and a projection only if it expands the width; here a projection always follows. Factors lie in
    (0, 1): no state changes its sign.

    Args:
        layer: the layer that it is made for.
        size: numbers in the hidden state; None is the width of the residual stream.
    """

    cost = "scan"

    def __init__(self, layer: Layer, size: int | None = None) -> None:
        super().__init__(layer)
        require(size is None or size >= 1, f"mixer.size={size}: must be at least 1")
        self.gate, self.candidate = (nn.Linear(self.dim, size or self.dim, bias=False) for _ in range(2))
        self.out = nn.Linear(size or self.dim, self.dim, bias=False)

    def mix(
        self, x: Float[Tensor, "batch time dim"], state: State | None
    ) -> tuple[Float[Tensor, "batch time dim"], State]:
        """See `Recurrent`."""
        gate, candidate = self.gate(x), self.candidate(x)
        with exact(x):
            gate = wide(gate)
            new = gate.sigmoid() * positive(wide(candidate))
            hidden = scan((-gate).sigmoid(), new, None if state is None else state[0])
        out: Tensor = self.out(hidden.to(x.dtype))
        return out, (hidden[:, -1],)


class MinLSTM(Recurrent):
    """h' = f h + i g(W x), with a forget and an input gate divided by their sum (Feng et al. 2024, section 3.2 and appendix B.2).

    The paper has this map alone, and a projection only if it expands the width; here a projection always follows.

    Args:
        layer: the layer that it is made for.
        size: numbers in the hidden state; None is the width of the residual stream.
    """

    cost = "scan"

    def __init__(self, layer: Layer, size: int | None = None) -> None:
        super().__init__(layer)
        require(size is None or size >= 1, f"mixer.size={size}: must be at least 1")
        self.forget, self.input, self.candidate = (
            nn.Linear(self.dim, size or self.dim, bias=False) for _ in range(3)
        )
        self.out = nn.Linear(size or self.dim, self.dim, bias=False)

    def mix(
        self, x: Float[Tensor, "batch time dim"], state: State | None
    ) -> tuple[Float[Tensor, "batch time dim"], State]:
        """See `Recurrent`."""
        gates = self.forget(x), self.input(x)
        candidate = self.candidate(x)
        with exact(x):
            forget, write = (nn.functional.logsigmoid(wide(gate)) for gate in gates)
            keep = (forget - write).sigmoid()  # f / (f + i)
            new = (write - forget).sigmoid() * positive(wide(candidate))
            hidden = scan(keep, new, None if state is None else state[0])
        out: Tensor = self.out(hidden.to(x.dtype))
        return out, (hidden[:, -1],)


def positive(x: Tensor) -> Tensor:
    """Return x + 1/2 where it is at least 0, else its sigmoid (Feng et al. 2024, appendix B.3)."""
    return torch.where(x >= 0, x + 0.5, x.sigmoid())
