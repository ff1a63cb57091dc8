"""Rotations by learned commuting matrices, ComRoPE (Yu et al. 2025, section 4), along time alone."""

from __future__ import annotations

import math

import torch
from einops import rearrange
from jaxtyping import Float, Real
from torch import Tensor, nn

from lengen.block.inputs import BlockInputs, Heads, Shape, wide
from lengen.config.errors import require
from lengen.pe.rope import RoPE


class ComRoPE(RoPE):
    """Turn blocks of channels of a head by expm(position * A), A a learned skew-symmetric matrix a block.

    The paper turns images along two axes, from random matrices and coordinates from 0 to 1. Text has one axis, where
    its two variants are one up to a factor, and counts tokens: here A starts at RoPE's frequencies. A is learned as its
    real normal form, A = V F V^T: frequencies on pairs (their logarithms, so that a slow pair takes small steps) and a
    basis V = expm(S - S^T), at first the identity. This reaches all skew-symmetric matrices, and their exponentials
    cost as much as RoPE, not one matrix exponential a position, whose gradient would have to pass close frequencies.
    Both the parametrisation and the start are ours. The last turn by V is left out: it is the same for queries and
    keys, and no logit sees it. (V could as well be learned within the projections, which in a decoder are free: what
    this adds to RoPE are frequencies a head.) Blocks of 2 are RoPE with learned frequencies. Fused attention: time
    quadratic, memory linear in tokens; keys are cached as turned. Beyond the trained length as RoPE: slow pairs meet
    new angles.

    Args:
        shape: the decoder it serves.
        base: sets the slowest of the first frequencies.
        block: channels of a block, an even number that divides those of a head (2 in the authors' code, 8 best).
        share_layers: one set of matrices for all layers, or one a layer, as in the authors' code.
    """

    def __init__(
        self, shape: Shape, base: float = 10000.0, block: int = 8, share_layers: bool = False
    ) -> None:
        super().__init__(shape, base, pairing="interleaved")
        channels = shape.head_dim
        require(
            block >= 2 and block % 2 == 0 and channels % block == 0,  # noqa: PLR2004
            f"pe.block={block}: allowed is an even number that divides the {channels} channels of a head",
        )
        rows, heads = 1 if share_layers else shape.layers, shape.heads
        first = torch.arange(0, channels, 2) * (-math.log(base) / channels)
        self.log_frequency = nn.Parameter(first.repeat(rows, heads, 1))
        self.mixing = nn.Parameter(torch.zeros(rows, heads, channels // block, block, block))

    def row(self, layer: int) -> int:
        """Which set of matrices serves a layer."""
        return layer if len(self.mixing) > 1 else 0

    def make_table(
        self, positions: Real[Tensor, "#batch time"]
    ) -> Float[Tensor, "row 2 #batch heads time pair"]:
        """Cosine and sine of every angle, for every set of matrices."""
        frequency = rearrange(wide(self.log_frequency).exp(), "row heads pair -> row 1 heads 1 pair")
        angles = positions.float().unsqueeze(1).unsqueeze(-1) * frequency
        return torch.stack([angles.cos(), angles.sin()], 1)

    def basis(self, layer: int) -> Float[Tensor, "heads blocks block block"]:
        """V of every block of a layer, orthogonal, in float32 or wider."""
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
        """Turn queries and keys by their own positions, in the basis of each block."""
        assert table is not None
        turns, basis = table[self.row(inputs.layer)], self.basis(inputs.layer)
        query, key = (self.rotate(into(x, basis), turns) for x in (query, key))
        return query, key, value


def into(x: Heads, basis: Float[Tensor, "heads blocks block block"]) -> Heads:
    """V^T x, block by block."""
    parts = rearrange(x, "batch heads time (blocks old) -> batch heads time blocks old", old=basis.shape[-1])
    return torch.einsum("bhtmi,hmij->bhtmj", parts, basis.to(x.dtype)).flatten(-2)
