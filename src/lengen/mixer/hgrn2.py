"""HGRN2: linear attention whose keys are one minus its decays (Qin et al. 2024)."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lengen.mixer import Layer, Recurrent, State, exact
from lengen.mixer.parts import EPSILON, head_count, of_heads
from lengen.mixer.sums import Sums


class HGRN2(Recurrent):
    """S' = diag(a) S + (1 - a) v^T with a = l + (1 - l) sigmoid(W x), o = silu(q) S (Qin et al. 2024, section 3).

    Then an RMSNorm and a projection. The lower bound l of the decays rises with depth: 0 in the first layer, layer / layers at
    the start in the others. The paper learns a softmax over layers, shared by all; here every layer learns its own bounds.

    Args:
        layer: the layer that it is made for.
        heads: number of heads; None is that of the decoder. A head has dim / heads channels of keys and of values.
        bound: whether there is a lower bound; otherwise it is 0.
    """

    cost = "chunks"
    sums = Sums()

    def __init__(self, layer: Layer, heads: int | None = None, bound: bool = True) -> None:
        super().__init__(layer)
        self.heads = head_count(layer, heads)
        self.query, self.forget, self.value = (nn.Linear(self.dim, self.dim, bias=False) for _ in range(3))
        part = layer.index / layer.shape.layers
        bounded = bound and layer.index > 0
        self.bound = nn.Parameter(torch.full((self.dim,), math.log(part / (1 - part)))) if bounded else None
        self.norm = nn.RMSNorm(self.dim, EPSILON)
        self.out = nn.Linear(self.dim, self.dim, bias=False)

    def mix(
        self, x: Float[Tensor, "batch time dim"], state: State | None
    ) -> tuple[Float[Tensor, "batch time dim"], State]:
        """See `Recurrent`."""
        projected = self.query(x), self.forget(x), self.value(x)
        with exact(x):
            query, forget, value = (of_heads(part, self.heads) for part in projected)
            log_decay, key = nn.functional.logsigmoid(forget), (-forget).sigmoid()
            if self.bound is not None:
                bound = self.bound.unflatten(0, (self.heads, -1))  # type: ignore[no-untyped-call]
                over = nn.functional.logsigmoid(-bound)
                log_decay = torch.logaddexp(nn.functional.logsigmoid(bound), over + log_decay)
                key = key * over.exp()
            mixed, after = self.sums(nn.functional.silu(query), key, value, log_decay, state)
            mixed = self.norm(mixed.flatten(2))
        out: Tensor = self.out(mixed.to(x.dtype))
        return out, after
