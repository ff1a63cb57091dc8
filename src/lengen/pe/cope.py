"""Contextual position encoding (Golovneva et al. 2024)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lengen.block.inputs import BlockInputs, Keys, Logits, Queries, Shape, wide
from lengen.config.errors import require
from lengen.pe import PositionalEncoding


class CoPE(PositionalEncoding):
    """Positions that are gated counts: p_ij = sum over m = j … i of sigmoid(q_i k_m / sqrt(d)).

    q_i e[p_ij] is added to the logit, interpolated linearly if p lies between two integers; the gates receive gradients
    through this interpolation only. Counts are capped at maximum - 1: all keys further back share the last vector, so
    `maximum` sets the horizon. Vectors that training never reaches stay at their initial zero. Initially all of e is
    zero, which is NoPE. Positions are not read, only the order of tokens.

    Cost: attention with a learned bias mask that needs the logits first: the logits twice, and counts and two gathers
    for all pairs, time and memory quadratic in tokens. At 256 tokens a training pass takes six times the time and nine
    times the memory of `nope`.

    The paper's horizon is 64 on its own tasks. Its appendix does not divide the added term by sqrt(d), like our default;
    its code does, like `divide`. Our interpretation: gates divide by sqrt(d) whatever the scale of the attention.

    Args:
        shape: the decoder's shape.
        maximum: vectors per layer; counts 0 to maximum - 1 have vectors of their own.
        divide: whether the added term is divided by sqrt(head_dim) as well.
        share_layers: whether all layers share the vectors; heads always do.
    """

    reads = False

    def __init__(
        self, shape: Shape, maximum: int = 64, divide: bool = False, share_layers: bool = False
    ) -> None:
        super().__init__(shape)
        require(maximum >= 1, f"pe.maximum={maximum}: must be at least 1")
        self.gate_scale = shape.head_dim**-0.5
        self.term_scale = self.gate_scale if divide else 1.0
        self.columns = nn.Parameter(torch.zeros(1 if share_layers else shape.layers, shape.head_dim, maximum))

    def context(
        self,
        query: Queries,
        key: Keys,
        inputs: BlockInputs,
    ) -> Logits:
        """q_i e[p_ij] for every query and key."""
        columns = self.columns[inputs.layer % len(self.columns)]
        with torch.autocast(query.device.type, enabled=False):
            query, key = wide(query), wide(key)
            gates = (query @ key.mT * self.gate_scale).sigmoid().masked_fill(inputs.later, 0.0)
            terms = query @ columns.to(query.dtype) * self.term_scale
        last = columns.shape[-1] - 1
        counts = gates.flip(-1).cumsum(-1).flip(-1).clamp(max=last)
        floor = counts.detach().floor().long()  # interpolation: no gradient through the index
        below, above = terms.gather(-1, floor), terms.gather(-1, (floor + 1).clamp(max=last))
        bias: Tensor = below + (counts - floor) * (above - below)
        return bias
