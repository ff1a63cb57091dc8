"""An orthogonal memory of all tokens, attended together with a window of the last ones (after Zhang et al. 2023)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lengen.block.inputs import wide
from lengen.config.errors import require
from lengen.mixer import Layer, Recurrent, State, exact
from lengen.mixer.parts import head_count, of_heads


class LAVO(Recurrent):
    """Attention to the last tokens and to `rows` means over all tokens so far, on an orthonormal basis: an own reading of Zhang et al. 2023.

    Row i of the memory after t tokens is the mean of (B x_s)_i over s <= t, times b_i; it is key and value in one. A token's query
    weighs all rows and the keys of the window in one softmax, where distances in the window have a learned bias per head. The
    paper's formula and code are not public: that rows are scaled vectors of a basis, which a QR decomposition keeps orthonormal,
    that B is a map of its own, and the joint softmax are choices made here. A mean keeps its scale at every length, and forgets nothing.

    Args:
        layer: the layer that it is made for.
        heads: number of heads; None is that of the decoder.
        rows: rows of the memory, at most the width of the residual stream.
        window: tokens attended directly, the token itself and at least one before it.
    """

    cost = "chunks"

    def __init__(self, layer: Layer, heads: int | None = None, rows: int = 16, window: int = 16) -> None:
        super().__init__(layer)
        require(1 <= rows <= self.dim, f"mixer.rows={rows}: must be in 1 to decoder.dim={self.dim}")
        require(window >= 2, f"mixer.window={window}: must be at least 2")  # noqa: PLR2004
        self.heads, self.window = head_count(layer, heads), window
        self.query, self.key, self.value, self.out = (
            nn.Linear(self.dim, self.dim, bias=False) for _ in range(4)
        )
        self.into = nn.Linear(self.dim, rows, bias=False)
        self.basis = nn.Parameter(nn.init.orthogonal_(torch.empty(rows, self.dim)))
        self.bias = nn.Parameter(torch.zeros(self.heads, window))

    def mix(
        self, x: Float[Tensor, "batch time dim"], state: State | None
    ) -> tuple[Float[Tensor, "batch time dim"], State]:
        """See `Recurrent`; the state is sums of B x, the number of tokens so far, and keys and values of the last."""
        projected, read = (self.query(x), self.key(x), self.value(x)), self.into(x)
        time = x.shape[1]
        with exact(x):
            query, key, value = (of_heads(part, self.heads) for part in projected)
            query = query * query.shape[-1] ** -0.5
            state = state or self._empty(key)
            count = state[1] + torch.arange(1, time + 1, device=x.device, dtype=query.dtype)
            sums = state[0].unsqueeze(1) + wide(read).cumsum(1)
            mean = (sums / count.unsqueeze(-1)).unsqueeze(2)
            key, value = torch.cat([state[2], key], 1), torch.cat([state[3], value], 1)
            near, near_values = (part.unfold(1, self.window, 1) for part in (key, value))
            basis = orthonormal(self.basis).unflatten(-1, (self.heads, -1))  # type: ignore[no-untyped-call]
            far_logits = torch.einsum("bthd,rhd->bthr", query, basis) * mean
            logits = torch.einsum("bthd,bthdw->bthw", query, near) + self.bias
            back = torch.arange(self.window - 1, -1, -1, device=x.device)
            missing = (back >= count.unsqueeze(-1)).unsqueeze(2)
            weights = torch.cat([far_logits, logits.masked_fill(missing, -torch.inf)], -1).softmax(-1)
            far, close = torch.split(weights, [mean.shape[-1], self.window], -1)
            mixed = torch.einsum("bthr,rhd->bthd", far * mean, basis)
            mixed = mixed + torch.einsum("bthw,bthdw->bthd", close, near_values)
        out: Tensor = self.out(mixed.flatten(2).to(x.dtype))
        return out, (sums[:, -1], count[:, -1:], key[:, time:], value[:, time:])

    def _empty(self, key: Float[Tensor, "batch time heads channel"]) -> State:
        """The state before the first token."""
        none = key.new_zeros(key.shape[0], self.window - 1, *key.shape[2:])
        return key.new_zeros(key.shape[0], self.basis.shape[0]), key.new_zeros(key.shape[0], 1), none, none


def orthonormal(rows: Float[Tensor, "rows dim"]) -> Float[Tensor, "rows dim"]:
    """Make rows orthonormal one after the other, as Gram and Schmidt; orthonormal ones stay."""
    basis, triangle = torch.linalg.qr(rows.mT)
    made: Tensor = (basis * triangle.diagonal().sign()).mT
    return made
