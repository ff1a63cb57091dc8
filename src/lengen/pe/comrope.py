"""ComRoPE: rotations by learned commuting matrices (Yu et al. 2025, section 4), along time only."""

from __future__ import annotations

import math

import torch
from einops import rearrange
from jaxtyping import Float, Real
from torch import Tensor, nn

from lengen.block.inputs import BlockInputs, Heads, Shape, wide
from lengen.config.errors import require
from lengen.pe.rope import RoPE, rotations


class ComRoPE(RoPE):
    """Rotate blocks of a head's channels by expm(position * A), with a learned skew-symmetric matrix A per block.

    The paper rotates image patches along two axes, with coordinates from 0 to 1 and randomly initialised matrices. Text
    has one axis, on which the paper's two variants differ by a factor only, and integer positions: A starts at RoPE's
    frequencies here. A is learned in its real normal form, A = V F V^T: a frequency per pair (as its logarithm, so that
    low frequencies change in small steps) and a basis V = expm(S - S^T), initially the identity. This covers all
    skew-symmetric matrices, at the cost of RoPE; a matrix exponential per position would be expensive, and its gradient
    ill-conditioned at nearly equal frequencies. Both the parametrisation and the initial values are ours. The final
    multiplication by V is left out: it is the same for queries and keys, and cancels in the logits. (V could also be
    absorbed by the query and key projections; what ComRoPE adds to RoPE is a set of frequencies per head.) With blocks
    of 2 it is RoPE with learned frequencies. Cost: fused attention, time quadratic and memory linear in tokens; keys are
    cached as rotated. Beyond the trained length, as in RoPE, low-frequency pairs reach angles never seen in training.

    Args:
        shape: the decoder's shape.
        base: sets the lowest initial frequency.
        block: channels per block, an even number that divides head_dim (2 in the authors' code, 8 best in the paper).
        share_layers: whether all layers share one set of matrices; in the authors' code each layer has its own.
    """

    both_ways = True

    def __init__(
        self, shape: Shape, base: float = 10000.0, block: int = 8, share_layers: bool = False
    ) -> None:
        super().__init__(shape, base, pairing="interleaved")
        channels = shape.head_dim
        require(
            block >= 2 and block % 2 == 0 and channels % block == 0,  # noqa: PLR2004
            f"pe.block={block}: must be even and divide the {channels} channels of a head",
        )
        rows, heads = 1 if share_layers else shape.layers, shape.heads
        first = torch.arange(0, channels, 2) * (-math.log(base) / channels)
        self.log_frequency = nn.Parameter(first.repeat(rows, heads, 1))
        self.mixing = nn.Parameter(torch.zeros(rows, heads, channels // block, block, block))

    def row(self, layer: int) -> int:
        """Index of a layer's set of matrices."""
        return layer if len(self.mixing) > 1 else 0

    def make_table(
        self, positions: Real[Tensor, "#batch time"]
    ) -> Float[Tensor, "row 2 #batch heads time pair"]:
        """Cosine and sine of every angle, per set of matrices."""
        frequency = rearrange(self.learned_frequencies(), "row heads pair -> row 1 heads 1 pair")
        return rotations(positions.unsqueeze(1).unsqueeze(-1), frequency).transpose(0, 1)

    def learned_frequencies(self) -> Float[Tensor, "row heads pair"]:
        """Radians per position of every pair, in float32 or wider."""
        return wide(self.log_frequency).exp()

    def basis(self, layer: int) -> Float[Tensor, "heads blocks block block"]:
        """The orthogonal matrices V of a layer's blocks, in float32 or wider."""
        mixing = wide(self.mixing[self.row(layer)])
        with torch.autocast(mixing.device.type, enabled=False):
            return torch.matrix_exp(mixing - mixing.mT)

    def transform(
        self,
        query: Heads,
        key: Heads,
        value: Heads,
        table: Tensor | None,
        inputs: BlockInputs,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Rotate queries and keys by their positions, in the basis of each block."""
        assert table is not None
        angles, basis = table[self.row(inputs.layer)], self.basis(inputs.layer)
        query, key = (self.rotate(change_basis(x, basis), angles) for x in (query, key))
        return query, key, value


def change_basis(x: Heads, basis: Float[Tensor, "heads blocks block block"]) -> Heads:
    """V^T x, block by block."""
    parts = rearrange(x, "batch heads time (blocks old) -> batch heads time blocks old", old=basis.shape[-1])
    return torch.einsum("bhtmi,hmij->bhtmj", parts, basis.to(x.dtype)).flatten(-2)
