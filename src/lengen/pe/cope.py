"""Contextual position encoding (Golovneva et al. 2024)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lengen.block.inputs import BlockInputs, Keys, Logits, Queries, Shape, wide
from lengen.config.errors import require
from lengen.pe import PositionalEncoding


class CoPE(PositionalEncoding):
    """A key's position is how many keys from it on the query counts: p_ij = sum over m = j … i of sigmoid(q_i k_m / sqrt(d)).

    The logit gets q_i e[p_ij], where a p between two integers mixes the terms of both; gradients reach the gates through
    this mix alone. Counts end at maximum - 1: all keys further back share the last vector, so `maximum` sets the
    horizon, and vectors that training never reached keep their initial zero. At the start all of e is zero: NoPE.
    Positions are not read; the order of tokens is.

    Attention with a bias mask that is learned, and that wants the logits first: these twice, counts and two gathers for
    all pairs, time and memory quadratic in tokens: at 256 of them a training pass takes six times the time and nine
    times the memory of `nope`.

    The paper's horizon is 64 for its own tasks. Its appendix leaves the term undivided, as here by default; its code
    divides it by sqrt(d), as `divide` does. Our interpretation: gates divide by sqrt(d) whatever the attention's own
    scale.

    Args:
        shape: the decoder it serves.
        maximum: vectors a layer; counts from 0 to maximum - 1 are told apart.
        divide: whether the term is divided by sqrt(head_dim), too.
        share_layers: whether all layers have the same vectors; heads always do.
    """

    reads = False

    def __init__(
        self, shape: Shape, maximum: int = 64, divide: bool = False, share_layers: bool = False
    ) -> None:
        super().__init__(shape)
        require(maximum >= 1, f"pe.maximum={maximum}: allowed is 1 or more")
        self.gate_scale = shape.head_dim**-0.5
        self.term_scale = self.gate_scale if divide else 1.0
        self.columns = nn.Parameter(torch.zeros(1 if share_layers else shape.layers, shape.head_dim, maximum))

    def context(
        self,
        query: Queries,
        key: Keys,
        inputs: BlockInputs,
    ) -> Logits:
        """The query's term at every key's position."""
        columns = self.columns[inputs.layer % len(self.columns)]
        with torch.autocast(query.device.type, enabled=False):
            query, key = wide(query), wide(key)
            gates = (query @ key.mT * self.gate_scale).sigmoid().masked_fill(inputs.later, 0.0)
            terms = query @ columns.to(query.dtype) * self.term_scale
        last = columns.shape[-1] - 1
        counts = gates.flip(-1).cumsum(-1).flip(-1).clamp(max=last)
        floor = counts.detach().floor().long()
        below, above = terms.gather(-1, floor), terms.gather(-1, (floor + 1).clamp(max=last))
        bias: Tensor = below + (counts - floor) * (above - below)
        return bias
