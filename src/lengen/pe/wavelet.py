"""Wavelets of the distance as relative positions (Oka et al. 2025, section 4)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from lengen.block.inputs import BlockInputs, Keys, Logits, Queries, Shape, wide
from lengen.config.errors import require
from lengen.pe import PositionalEncoding


class Wavelet(PositionalEncoding):
    """Bias of q p(query - key) / sqrt(head_dim), with p_c(t) = psi((t - shift_c) / scale_c), psi(u) = (1 - u^2) exp(-u^2/2).

    Each channel has one Ricker wavelet: there are `scales` scales, each twice the one before, and every scale has all
    integer shifts from 0 to head_dim / scales - 1, independent of the scale. Nothing is learned. The paper does not
    specify the order of channels; it makes no difference, as the query projection can permute them. Ours has shifts
    within scales. The factor 1/sqrt(head_dim) applies even if the attention does not scale its logits. Far beyond the
    largest shift and scale p is 0, and far keys are compared without positions. Cost: attention with a bias mask that
    depends on the query, one per example, time and memory quadratic in tokens; and p, head_dim numbers per pair, computed
    once if examples share positions. No code by the authors was found.

    Args:
        shape: the decoder's shape.
        scales: number of scales; divides head_dim (8 for 128 channels in the paper).
        smallest: the smallest scale (1 in the paper, 4 in its larger run).
    """

    def __init__(self, shape: Shape, scales: int = 4, smallest: float = 1.0) -> None:
        super().__init__(shape)
        require(
            scales >= 1 and shape.head_dim % scales == 0,
            f"pe.scales={scales}: must divide the {shape.head_dim} channels of a head",
        )
        require(smallest > 0, f"pe.smallest={smallest}: must be above 0")
        self.scales, self.smallest = scales, smallest

    def waves(self, distance: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape head_dim"]:
        """Every channel's wavelet at each distance, in the dtype of `distance`."""
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
        """The scaled product of each query with p of its distance to every key."""
        query = wide(query) * self.shape.head_dim**-0.5
        distance = (inputs.query.unsqueeze(-1) - inputs.key.unsqueeze(-2)).to(query.dtype)
        with torch.autocast(query.device.type, enabled=False):
            return torch.einsum("bhqc,bqkc->bhqk", query, self.waves(distance))
