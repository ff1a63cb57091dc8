"""LDRU: a learned operator along balanced trees of the tokens so far (Pert et al. 2026)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lengen.block.inputs import wide
from lengen.config.errors import require
from lengen.mixer import Layer, Recurrent, State, exact
from lengen.mixer.parts import EPSILON, Map
from lengen.mixer.tree import Nodes, prefixes


class LDRU(Recurrent):
    """h_(1..t) = h_(1..s) * h_(s+1..t) with a learned operator *, where s leaves the lowest binary digit of t (Pert et al. 2026).

    [g; g'] = MLP([h; h']), f = V (g h) + b, h * h' = LN(y + FFN(y)) with y = W (f + f') + c; V is the identity at the start. The
    source takes one tree over a whole sequence, as far as its summary and notes on it tell; for a result after every token, stretches of 2^k tokens are
    taken along perfect trees, and from left to right (Blelloch 1990; Yau et al. 2025), which for t = 2^k tokens is that tree. No path is longer than 2 log2 (t + 1) operators.
    Of an associative operator all trees give the same.

    Args:
        layer: the layer that it is made for.
        size: numbers of a node; None is the width of the residual stream.
        hidden: width of both perceptrons, as a multiple of what they return.
    """

    cost = "tree"
    growth = "log"

    def __init__(self, layer: Layer, size: int | None = None, hidden: int = 2) -> None:
        super().__init__(layer)
        require(size is None or size >= 1, f"mixer.size={size}: must be null, or at least 1")
        require(hidden >= 1, f"mixer.hidden={hidden}: must be at least 1")
        size = self.size = size or self.dim
        self.into = nn.Linear(self.dim, size, bias=False)
        self.pair = nn.Sequential(
            Map(2 * size, 2 * hidden * size, bias=True),
            nn.GELU(),
            Map(2 * hidden * size, 2 * size, bias=True),
        )
        self.scale = Map(size, size, bias=True)
        nn.init.eye_(self.scale.weight)
        self.join = Map(size, size, bias=True)
        self.feed = nn.Sequential(
            Map(size, hidden * size, bias=True), nn.GELU(), Map(hidden * size, size, bias=True)
        )
        self.norm = nn.LayerNorm(size, EPSILON)
        self.out = nn.Linear(size, self.dim, bias=False)

    def product(self, first: Nodes, second: Nodes) -> Nodes:
        """Apply the operator to pairs of neighbours."""
        gates = self.pair(torch.cat([first, second], -1)).chunk(2, -1)
        both = self.scale(gates[0] * first) + self.scale(gates[1] * second)
        joined = self.join(both)
        after: Tensor = self.norm(joined + self.feed(joined))
        return after

    def mix(
        self, x: Float[Tensor, "batch time dim"], state: State | None
    ) -> tuple[Float[Tensor, "batch time dim"], State]:
        """See `Recurrent`; the state is the open stretches, and the logarithms of their tokens."""
        leaves = self.into(x)
        known = dict[int, Tensor]()
        if state is not None:
            nodes, places = state
            known = {int(place): nodes[:, index] for index, place in enumerate(places[0].tolist())}
        with exact(x):
            mixed, left = prefixes(wide(leaves), self.product, known)
        out: Tensor = self.out(mixed.to(x.dtype))
        places = mixed.new_tensor([*left]).expand(len(mixed), -1)
        return out, (torch.stack([*left.values()], 1), places)

    def state_size(self, tokens: int) -> int:
        """See `Mixer`; a node and its place for every binary digit of the number of tokens that is 1."""
        return (self.size + 1) * tokens.bit_count()
