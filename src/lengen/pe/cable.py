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
    """One number per head and token, W x + c, where x is the input of the block's attention; float32 even under autocast.

    Args:
        shape: the decoder's shape.
        start: initial value of c.
        std: standard deviation of the initial W.
        share_layers: whether all layers share W and c.
    """

    def __init__(self, shape: Shape, start: float, std: float, share_layers: bool) -> None:
        super().__init__()
        require(std >= 0, f"pe.std={std}: must be at least 0")
        layers = 1 if share_layers else shape.layers
        self.weight = nn.Parameter(torch.randn(layers, shape.heads, shape.dim) * std)
        self.offset = nn.Parameter(torch.full((layers, shape.heads), start))

    def forward(self, inputs: BlockInputs) -> Float[Tensor, "batch heads query"]:
        """W x + c of the new tokens."""
        x, layer = wide(inputs.x), inputs.layer % len(self.weight)
        weight, offset = self.weight[layer].to(x.dtype), self.offset[layer].to(x.dtype)
        with torch.autocast(x.device.type, enabled=False):
            return weight @ x.mT + offset.unsqueeze(-1)


def unsoftplus(y: float) -> float:
    """Inverse of softplus, for y above 0."""
    return y + math.log(-math.expm1(-y))


def accumulate(cache: BlockCache, name: str, terms: Tensor) -> Tensor:
    """Cumulative sums over time (the third axis), from the very first token to each new one.

    Args:
        cache: holds the last sum between decoding steps.
        name: key of that sum in the cache.
        terms: the terms of the new tokens.
    """
    before = cache.get(name)
    sums = terms.cumsum(2) if before is None else before + terms.cumsum(2)
    cache.put(name, sums[:, :, -1:])
    return sums


class CABLE(PositionalEncoding):
    """Bias of -(sum of softplus(W x + c) over the tokens after the key, up to the query), per head.

    b_ij = S_i - S_j with S_t = -sum over m = 1 … t of softplus(W x_m + c), where x is the input of the block's attention:
    ALiBi with slopes that depend on the content. W = 0 is ALiBi with slope softplus(c). Positions are not read; order
    enters through this sum and the causal mask. Beyond the trained length the penalty keeps growing with every token.

    Cost: attention with a learned bias mask, one per example, time and memory quadratic in tokens. The cache keeps one
    sum per head and token. The official code does not divide the logits by sqrt(d); use `attention.scale=none` for that.
    It starts at c = 0, a slope of 0.69, which hides everything ten tokens back; our default starts with a small slope
    that suits lengths of 20 to 50 tokens.

    Args:
        shape: the decoder's shape.
        slope: initial decay per token, softplus(c); 0.693 in the official code.
        std: standard deviation of the initial W.
        share_layers: whether all layers share W and c.
    """

    reads = False
    reads_queries = True

    def __init__(
        self, shape: Shape, slope: float = 0.05, std: float = 0.02, share_layers: bool = False
    ) -> None:
        super().__init__(shape)
        require(slope > 0, f"pe.slope={slope}: must be above 0")
        self.gate = HeadGate(shape, unsoftplus(slope), std, share_layers)

    def context(
        self,
        query: Queries,
        key: Keys,
        inputs: BlockInputs,
    ) -> Logits:
        """S_i - S_j, at most 0; 0 at later keys."""
        sums = accumulate(inputs.cache, "decay", -softplus(self.gate(inputs)))
        seen = inputs.cache.extend("decay", sums)
        return (sums.unsqueeze(-1) - seen.unsqueeze(-2)).clamp(max=0)
