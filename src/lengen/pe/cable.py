"""Context-aware biases for length extrapolation (Veisi et al. 2025)."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import softplus

from lengen.block.inputs import BlockCache, BlockInputs, Keys, Logits, Queries, Shape, wide
from lengen.config.errors import require
from lengen.pe import PositionalEncoding


class HeadGate(nn.Module):
    """One number a head and token, W x + c of what a block reads; float32 whatever the autocast.

    Args:
        shape: the decoder it serves.
        start: initial value of c.
        std: standard deviation of the initial W.
        share_layers: whether all layers have the same W and c.
    """

    def __init__(self, shape: Shape, start: float, std: float, share_layers: bool) -> None:
        super().__init__()
        require(std >= 0, f"pe.std={std}: allowed is 0 or more")
        layers = 1 if share_layers else shape.layers
        self.weight = nn.Parameter(torch.randn(layers, shape.heads, shape.dim) * std)
        self.offset = nn.Parameter(torch.full((layers, shape.heads), start))

    def forward(self, inputs: BlockInputs) -> Float[Tensor, "batch heads query"]:
        """The numbers of the new tokens."""
        x, layer = wide(inputs.x), inputs.layer % len(self.weight)
        weight, offset = self.weight[layer].to(x.dtype), self.offset[layer].to(x.dtype)
        with torch.autocast(x.device.type, enabled=False):
            return weight @ x.mT + offset.unsqueeze(-1)


def unsoftplus(y: float) -> float:
    """The number whose softplus is y, above 0."""
    return y + math.log(-math.expm1(-y))


def accumulate(memory: BlockCache, name: str, steps: Tensor) -> Tensor:
    """Sums over time (the third axis) from the first token of all to each new one."""
    before = memory.get(name)
    sums = steps.cumsum(2) if before is None else before + steps.cumsum(2)
    memory.put(name, sums[:, :, -1:])
    return sums


class CABLE(PositionalEncoding):
    """Every token adds softplus(W x + c) to a running sum a head, and a logit loses what was added since its key.

    b_ij = S_i - S_j with S_t = -sum over m = 1 … t of softplus(W x_m + c), where x is what the block's attention reads:
    ALiBi with slopes that the content chooses, and W = 0 is ALiBi with slope softplus(c). No other sign of position;
    positions are not read. Beyond the trained length it goes on decaying, token by token.

    Attention with a bias mask that is learned: a mask an example, time and memory quadratic in tokens. A cache keeps
    one sum a head and token. The official code does not divide logits by sqrt(d); for that, `attention.scale=none`. It
    starts from c = 0, a slope of 0.69, which hides whatever lies ten tokens back; our default starts gently, for
    lengths of 20 to 50 tokens.

    Args:
        shape: the decoder it serves.
        slope: decay a token at the start, softplus(c); 0.693 in the official code.
        std: standard deviation of the initial W.
        share_layers: whether all layers have the same W and c.
    """

    reads = False

    def __init__(
        self, shape: Shape, slope: float = 0.05, std: float = 0.02, share_layers: bool = False
    ) -> None:
        super().__init__(shape)
        require(slope > 0, f"pe.slope={slope}: allowed is above 0")
        self.gate = HeadGate(shape, unsoftplus(slope), std, share_layers)

    def context(
        self,
        query: Queries,
        key: Keys,
        inputs: BlockInputs,
    ) -> Logits:
        """What was added between key and query, negative; at later keys 0."""
        sums = accumulate(inputs.cache, "decay", -softplus(self.gate(inputs)))
        seen = inputs.cache.extend("decay", sums)
        return (sums.unsqueeze(-1) - seen.unsqueeze(-2)).clamp(max=0)
