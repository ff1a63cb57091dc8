"""One head of attention whose keys and values are the inputs, scaled by gates (SHA-RNN; Merity 2019)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lengen.block.inputs import later, wide
from lengen.mixer import Layer, Recurrent, State, exact
from lengen.mixer.parts import EPSILON, Map


class SHA(Recurrent):
    """softmax(q k^T / sqrt(dim)) v, q = LN(W x + b) s(a), k = x s(c), v = x g, with gates of channels alone (Merity 2019, section 3).

    s is the sigmoid; g = s(f) tanh(u) with [u; f] a linear map of s(e), all learned numbers, so that nothing but queries has a matrix that reads x, and no projection
    follows. It has no positions and takes no encoding: in SHA-RNN it reads an LSTM, as in `mixer.pattern=[lstm,sha]`. The source has an
    LSTM in every block, the attention in the last but one alone, and another feed-forward layer.

    Args:
        layer: the layer that it is made for.
    """

    cost = "quadratic"
    growth = "linear"

    def __init__(self, layer: Layer) -> None:
        super().__init__(layer)
        self.query = nn.Linear(self.dim, self.dim, bias=True)
        nn.init.zeros_(self.query.bias)
        self.norm = nn.LayerNorm(self.dim, EPSILON)
        self.query_gate, self.key_gate, self.value_gate = (
            nn.Parameter(torch.zeros(self.dim)) for _ in range(3)
        )
        self.values = Map(self.dim, 2 * self.dim, bias=True)

    def mix(
        self, x: Float[Tensor, "batch time dim"], state: State | None
    ) -> tuple[Float[Tensor, "batch time dim"], State]:
        """See `Recurrent`; the state is the inputs of all tokens."""
        query = self.query(x)
        with exact(x):
            new = wide(x)
            seen = new if state is None else torch.cat([state[0], new], 1)
            query = self.norm(wide(query)) * self.query_gate.sigmoid()
            signal, open_ = self.values(self.value_gate.sigmoid()).chunk(2)
            key, value = seen * self.key_gate.sigmoid(), seen * open_.sigmoid() * signal.tanh()
            query, key, value = (part.unsqueeze(1) for part in (query, key, value))
            one, total = new.shape[1], seen.shape[1]
            shown = None if one in (1, total) else ~later(one, total, seen.device)
            mixed = nn.functional.scaled_dot_product_attention(
                query, key, value, shown, is_causal=one == total
            )
        return mixed.squeeze(1).to(x.dtype), (seen,)

    def state_size(self, tokens: int) -> int:
        """See `Mixer`."""
        return self.dim * tokens
