"""sLSTM: an LSTM with exponential input gates and a normaliser (Beck et al. 2024)."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lengen.block.inputs import wide
from lengen.mixer import Layer, Recurrent, State, exact
from lengen.mixer.parts import EPSILON, BlockMap, ShortConv, convolved, head_count, of_heads


class SLSTM(Recurrent):
    """c' = f c + i tanh(z), n' = f n + i, h = o c' / n', f = sigmoid, i = exp, gates of W x + R h + b (Beck et al. 2024, equations 8 to 18).

    c and n are kept divided by exp(m), where m is the largest logarithm of what stands in them. W and R map every head alone; input and
    forget gates read a short convolution. Then a norm of every head; the paper has no projection and a feed-forward layer of its
    own, here a projection follows. R starts at 0, forget biases fall from 5 to -7 over the channels of a head.

    Args:
        layer: the layer that it is made for.
        heads: number of heads; None is that of the decoder.
        conv: tokens of the short convolution; 0 is none, as claims on what one layer can track need.
    """

    cost = "loop"

    def __init__(self, layer: Layer, heads: int | None = None, conv: Literal[0, 4] = 4) -> None:
        super().__init__(layer)
        self.heads = head_count(layer, heads)
        width = self.dim // self.heads
        self.conv = ShortConv(self.dim, conv, bias=True) if conv else None
        self.input, self.forget, self.cell, self.output = (BlockMap(self.dim, width) for _ in range(4))
        self.recurrent = nn.Parameter(torch.zeros(self.heads, 4, width, width))
        depth = layer.index / max(1, layer.shape.layers - 1)
        fall = 5 - 12 * (torch.arange(width) / max(1, width - 1)) ** (0.3 + 1.3 * depth)
        bias = torch.zeros(self.heads, 4, width)
        bias[:, 1] = fall
        self.bias = nn.Parameter(bias)
        self.norm = nn.Parameter(torch.ones(self.dim))
        self.out = nn.Linear(self.dim, self.dim, bias=False)

    def mix(
        self, x: Float[Tensor, "batch time dim"], state: State | None
    ) -> tuple[Float[Tensor, "batch time dim"], State]:
        """See `Recurrent`; the state is h, c, n and m, and the last inputs of the convolution."""
        with exact(x):
            inputs = wide(x)
            mixed, tail = convolved(self.conv, inputs, state)
            read = self.input(mixed), self.forget(mixed), self.cell(inputs), self.output(inputs)
            given = torch.stack([of_heads(part, self.heads) for part in read], 3) + self.bias
            if state is None:
                zero = torch.zeros_like(given[:, 0, :, 0])
                kept = zero, zero, zero, torch.full_like(zero, -torch.inf)
            else:
                kept = state[0], state[1], state[2], state[3]
            found = []
            for step in given.unbind(1):
                kept = self._step(step, *kept)
                found.append(kept[0])
            hidden = torch.stack(found, 1)
            hidden = nn.functional.layer_norm(hidden, hidden.shape[-1:], eps=EPSILON).flatten(2) * self.norm
        out: Tensor = self.out(hidden.to(x.dtype))
        return out, (*kept, *tail)

    def _step(
        self, given: Tensor, hidden: Tensor, cell: Tensor, count: Tensor, highest: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The next h, c, n and m; results do not depend on m, which is therefore no path of gradients."""
        gates = given + torch.einsum("bhi,hgoi->bhgo", hidden, self.recurrent)
        write, forget, new, output = gates.unbind(2)
        forget = nn.functional.logsigmoid(forget)
        after = torch.maximum(forget + highest, write).detach()
        write, forget = (write - after).exp(), (forget + highest - after).exp()
        cell, count = forget * cell + write * new.tanh(), forget * count + write
        return output.sigmoid() * cell / count, cell, count, after
