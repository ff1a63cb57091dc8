"""Selective dense state space model: every token mixes its matrix from a dictionary (Terzic et al. 2025)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lengen.block.inputs import wide
from lengen.config.errors import require
from lengen.mixer import Layer, Recurrent, State, exact
from lengen.mixer.parts import EPSILON, Map

CHUNK = 64
"""Tokens whose matrices are held at once, where no gradient needs them."""


class SDSSM(Recurrent):
    """h' = A h + B x, where A is the sum of softmax(W x + b)_k D_k, its columns divided by their p-norm (Terzic et al. 2025, section 3).

    Then a LayerNorm and a projection. Permutations are such matrices for every p, so that one layer can be any automaton with `size`
    states; p little above 1 keeps products of many tokens bounded. One token after the other is read.

    Args:
        layer: the layer that it is made for.
        matrices: number of matrices D in the dictionary.
        norm: p.
        size: numbers in the state; None is the width of the residual stream.
    """

    cost = "loop"

    def __init__(self, layer: Layer, matrices: int = 8, norm: float = 1.2, size: int | None = None) -> None:
        super().__init__(layer)
        require(matrices >= 1, f"mixer.matrices={matrices}: must be at least 1")
        require(norm >= 1, f"mixer.norm={norm}: must be at least 1")
        require(size is None or size >= 1, f"mixer.size={size}: must be at least 1")
        size, self.order = size or self.dim, norm
        bound = (3 / size) ** 0.5
        self.dictionary = nn.Parameter(torch.empty(matrices, size, size).uniform_(-bound, bound))
        self.select = Map(self.dim, matrices, bias=True)
        self.into = nn.Linear(self.dim, size, bias=False)
        self.norm = nn.LayerNorm(size, EPSILON)
        self.out = nn.Linear(size, self.dim, bias=False)

    def mix(
        self, x: Float[Tensor, "batch time dim"], state: State | None
    ) -> tuple[Float[Tensor, "batch time dim"], State]:
        """See `Recurrent`."""
        written = self.into(x)
        with exact(x):
            weights, written = self.select(wide(x)).softmax(-1), wide(written)
            hidden = torch.zeros_like(written[:, 0]) if state is None else state[0]
            found = []
            for chosen, writes in zip(
                torch.split(weights, CHUNK, 1), torch.split(written, CHUNK, 1), strict=True
            ):
                matrices = mixed(chosen, self.dictionary, self.order)
                for matrix, write in zip(matrices.unbind(1), writes.unbind(1), strict=True):
                    hidden = torch.baddbmm(write.unsqueeze(-1), matrix, hidden.unsqueeze(-1)).squeeze(-1)
                    found.append(hidden)
            read = self.norm(torch.stack(found, 1))
        out: Tensor = self.out(read.to(x.dtype))
        return out, (hidden,)


def mixed(
    weights: Float[Tensor, "batch time matrices"],
    dictionary: Float[Tensor, "matrices size size"],
    order: float,
) -> Float[Tensor, "batch time size size"]:
    """Return sums of matrices, with columns divided by their norm unless that is 0.

    Args:
        weights: of the matrices, of every token.
        dictionary: the matrices.
        order: p of the norm.
    """
    sums = torch.einsum("btk,kij->btij", weights, dictionary)
    return nn.functional.normalize(sums, p=order, dim=-2)
