"""mLSTM: an LSTM with a matrix as its cell, and gates that do not read the hidden state (Beck et al. 2024)."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lengen.block.inputs import wide
from lengen.config.errors import require
from lengen.mixer import Layer, Recurrent, State, exact
from lengen.mixer.decayed import decayed
from lengen.mixer.parts import EPSILON, BlockMap, Map, ShortConv, convolved, head_count, of_heads


class MLSTM(Recurrent):
    """C' = f C + i k v^T, n' = f n + i k, h = q C / max(|q n|, 1), f = sigmoid, i = exp (Beck et al. 2024, equations 19 to 27).

    C and n are kept divided by exp(m), where m is the largest logarithm of what stands in them. Queries and keys come from a short
    convolution, by maps of blocks of channels; then a norm of every head, the convolution again by a learned skip, and a gate. The
    published block has no feed-forward layer beside it.

    Args:
        layer: the layer that it is made for.
        heads: number of heads; None is that of the decoder.
        expand: width of the inner channels, as a multiple of dim.
        block: channels of a block of the maps to queries, keys and values.
        conv: tokens of the short convolution; 0 is none, as claims on what one layer can track need.
    """

    cost = "chunks"

    def __init__(
        self,
        layer: Layer,
        heads: int | None = None,
        expand: int = 2,
        block: int = 4,
        conv: Literal[0, 4] = 4,
    ) -> None:
        super().__init__(layer)
        require(expand >= 1, f"mixer.expand={expand}: must be at least 1")
        require(block >= 1, f"mixer.block={block}: must be at least 1")
        self.heads, inner = head_count(layer, heads), expand * self.dim
        require(inner % block == 0, f"mixer.block={block}: must divide mixer.expand * decoder.dim={inner}")
        self.up = nn.Linear(self.dim, 2 * inner, bias=False)
        self.conv = ShortConv(inner, conv, bias=True) if conv else None
        self.query, self.key, self.value = (BlockMap(inner, block) for _ in range(3))
        self.input, self.forget = (Map(3 * inner, self.heads, bias=True, bound=0) for _ in range(2))
        with torch.no_grad():
            self.input.bias.normal_(std=0.1)  # type: ignore[union-attr]
            self.forget.bias.copy_(torch.linspace(3, 6, self.heads))  # type: ignore[union-attr]
        self.norm = nn.Parameter(torch.ones(inner))
        self.skip = nn.Parameter(torch.ones(inner))
        self.out = nn.Linear(inner, self.dim, bias=False)

    def mix(
        self, x: Float[Tensor, "batch time dim"], state: State | None
    ) -> tuple[Float[Tensor, "batch time dim"], State]:
        """See `Recurrent`; the state is C with n as its last column, m, and the last inputs of the convolution."""
        projected = self.up(x)
        with exact(x):
            inner, gate = wide(projected).chunk(2, -1)
            mixed, tail = convolved(self.conv, inner, state)
            read = self.query(mixed), self.key(mixed), self.value(inner)
            gates = torch.cat(read, -1)
            query, key, value = (of_heads(part, self.heads) for part in read)
            hidden, kept = stabilised(
                query,
                key * key.shape[-1] ** -0.5,
                value,
                self.input(gates),
                nn.functional.logsigmoid(self.forget(gates)),
                None if state is None else (state[0], state[1]),
            )
            hidden = nn.functional.layer_norm(hidden, hidden.shape[-1:], eps=EPSILON).flatten(2) * self.norm
            hidden = (hidden + self.skip * mixed) * nn.functional.silu(gate)
        out: Tensor = self.out(hidden.to(x.dtype))
        return out, (*kept, *tail)


def stabilised(
    query: Float[Tensor, "batch time heads key"],
    key: Float[Tensor, "batch time heads key"],
    value: Float[Tensor, "batch time heads value"],
    log_write: Float[Tensor, "batch time heads"],
    log_decay: Float[Tensor, "batch time heads"],
    state: tuple[Float[Tensor, "batch heads key extended"], Float[Tensor, "batch heads"]] | None,
    epsilon: float = 1e-6,
) -> tuple[
    Float[Tensor, "batch time heads value"],
    tuple[Float[Tensor, "batch heads key extended"], Float[Tensor, "batch heads"]],
]:
    """Return all h of the recurrence of the mLSTM, and the state after it; no exponential is taken of a positive number.

    Results do not depend on m, which is therefore no path of gradients.

    Args:
        query: not scaled.
        key: keys, scaled.
        value: values.
        log_write: logarithm of the input gate.
        log_decay: logarithm of the forget gate.
        state: C with n as last column, divided by exp(m), and m; None is 0.
        epsilon: added to the denominator.
    """
    known = torch.full_like(log_write[:, 0], -torch.inf) if state is None else state[1]
    with torch.no_grad():
        total = log_decay.cumsum(1)
        highest = torch.maximum((log_write - total).cummax(1).values, known.unsqueeze(1)) + total
        before = torch.cat([known.unsqueeze(1), highest[:, :-1]], 1)
    extended = torch.cat([value, torch.ones_like(value[..., :1])], -1)
    scaled = key * (log_write - highest).exp().unsqueeze(-1)
    decay = (log_decay + before - highest).unsqueeze(-1)
    mixed, after = decayed(query, scaled, extended, decay, None if state is None else state[0])
    least = (-highest).exp().unsqueeze(-1)
    hidden = mixed[..., :-1] / (torch.maximum(mixed[..., -1:].abs(), least) + epsilon)
    return hidden, (after, highest[:, -1])
