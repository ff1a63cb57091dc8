"""Wavelets of the distance as relative positions (Oka et al. 2025, section 4)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from lengen.block.inputs import BlockInputs, Keys, Logits, Queries, Shape, wide
from lengen.config.errors import require
from lengen.pe import PositionalEncoding


class Wavelet(PositionalEncoding):
    """q p(query - key) / sqrt(head_dim), with p_c(t) = psi((t - shift_c) / scale_c), psi(u) = (1 - u^2) exp(-u^2/2).

    One Ricker wavelet a channel: `scales` scales, each twice the one before, and for each all whole shifts from 0 up to
    head_dim / scales - 1, which the scale does not stretch. Nothing is learned. The order over channels is not said in
    the paper and makes no difference (the query's projection takes it up): ours has shifts within scales. The factor
    1/sqrt(head_dim) stands also where the attention does not scale its logits. Far beyond the largest shift and scale
    p is 0: far keys are compared as without positions. Attention with a bias mask that hangs on
    the query, one an example: time and memory quadratic in tokens; and p, head_dim numbers for every pair, once where
    examples share positions. No code of the authors was found.

    Args:
        shape: the decoder it serves.
        scales: how many, divides the channels of a head (8 of 128 in the paper).
        smallest: of the scales (1 in the paper, 4 in its larger run).
    """

    def __init__(self, shape: Shape, scales: int = 4, smallest: float = 1.0) -> None:
        super().__init__(shape)
        require(
            scales >= 1 and shape.head_dim % scales == 0,
            f"pe.scales={scales}: allowed is a number that divides the {shape.head_dim} channels of a head",
        )
        require(smallest > 0, f"pe.smallest={smallest}: allowed is above 0")
        self.scales, self.smallest = scales, smallest

    def waves(self, distance: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape head_dim"]:
        """Every channel's wavelet at a distance, in its precision."""
        shifts = self.shape.head_dim // self.scales
        channel = torch.arange(self.shape.head_dim, device=distance.device)
        scale = self.smallest * 2.0 ** (channel // shifts)
        squared = ((distance.unsqueeze(-1) - channel % shifts) / scale).square()
        return (1 - squared) * torch.exp(-squared / 2)

    def context(
        self,
        query: Queries,
        key: Keys,
        inputs: BlockInputs,
    ) -> Logits:
        """The query times p of its distance to every key, scaled."""
        query = wide(query) * self.shape.head_dim**-0.5
        distance = (inputs.query.unsqueeze(-1) - inputs.key.unsqueeze(-2)).to(query.dtype)
        with torch.autocast(query.device.type, enabled=False):
            return torch.einsum("bhqc,bqkc->bhqk", query, self.waves(distance))
